import { isValidDid } from '@atproto/syntax'
import type { TextPieces } from '../transfer/pair-lines.ts'

/** How many DIDs are remembered, so that one which is named again soon is taken once. */
const MOST_KEPT = 100_000

/** More than any DID has, with what may stand around it, in characters. */
const MOST_HELD = 8_192

const DID = /did:[a-z0-9]+:[a-zA-Z0-9._:%-]+/g

/**
 * Every DID in a text, whatever stands around it: one a line, the pairs of an export, addresses such as `at://did:…`, what
 * `verify` and `compare` print, as text or as JSON. In the memory of a piece of it.
 */
export async function* didsIn(pieces: TextPieces): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  const known = new Set<string>()
  let held = ''
  for await (const piece of pieces) {
    const text = held + (typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true }))
    // The last word may go on in the next piece.
    const end = text.length - (/[a-zA-Z0-9._:%-]*$/.exec(text)?.[0].length ?? 0)
    held = text.slice(end).slice(0, MOST_HELD)
    yield* news(text.slice(0, end), known)
  }
  yield* news(held, known)
}

function* news(text: string, known: Set<string>): Generator<string, void, void> {
  for (const [found] of text.matchAll(DID)) {
    // A sentence may end behind it.
    const did = found.replace(/[.:%-]+$/, '')
    if (known.has(did) || !isValidDid(did)) continue
    known.add(did)
    const [oldest] = known.size > MOST_KEPT ? known : []
    if (oldest !== undefined) known.delete(oldest)
    yield did
  }
}

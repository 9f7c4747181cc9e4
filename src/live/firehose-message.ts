import { isValidDid, isValidNsid } from '@atproto/syntax'
import { BlockLink, cidText, decodeFirstCbor } from './atproto-cbor.ts'
import { MOST_CBOR_VALUES } from './cbor-size.ts'
import { accountState, type CommitNews, type FeedNews, INVALID, revOf, timeOf } from './feed-news.ts'
import { type RepoBlocks, readBlocks } from './repo-blocks.ts'
import { MOST_KEYS, type ProofBudget, proveCollection } from './repo-proof.ts'

/** A message's body: anyone may have written anything into it. */
type Body = Readonly<Record<string, unknown>>

/** Reads one message of `com.atproto.sync.subscribeRepos`: a header and a body of CBOR, one behind the other. */
export function readFirehose(data: Uint8Array | string): FeedNews {
  try {
    if (typeof data === 'string') return INVALID
    const budget = { values: MOST_CBOR_VALUES }
    const [header, rest] = decodeFirstCbor(data, budget)
    const [body] = decodeFirstCbor(rest, budget)
    if (!isObject(header) || !isObject(body)) return INVALID
    if (header.op === -1)
      return { kind: 'refused', error: textOf(body.error) ?? 'unknown', message: textOf(body.message) }
    return header.op === 1 ? newsOf(header.t, body) : INVALID
  } catch {
    return INVALID
  }
}

function newsOf(type: unknown, body: Body): FeedNews {
  if (type === '#info')
    return { kind: 'notice', name: textOf(body.name) ?? 'unknown', message: textOf(body.message) }
  const { seq } = body
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq)) return INVALID
  const told = { seq, time: timeOf(body.time) }
  const did = type === '#commit' ? body.repo : body.did
  if (type !== '#commit' && type !== '#account' && type !== '#sync') return { kind: 'other', ...told }
  if (typeof did !== 'string' || !isValidDid(did)) return { kind: 'invalid', ...told }
  const rev = revOf(body.rev)
  if (type === '#account') return { kind: 'account', ...told, did, ...accountState(body.active, body.status) }
  if (type === '#sync') return { kind: 'sync', ...told, did, rev, head: headOf(blocksOf(body)?.root) }
  return { kind: 'commit', ...told, did, rev, head: headOf(body.commit), ...changesOf(body) }
}

type Changes = Pick<CommitNews, 'written' | 'emptied' | 'unproven' | 'isCut' | 'invalid'>

/** What a commit did to collections. What it wrote into one counts, whatever it deleted there besides. */
function changesOf(body: Body): Changes {
  const written = new Set<string>()
  const deletedIn = new Set<string>()
  let invalid = 0
  const ops = Array.isArray(body.ops) ? body.ops : []
  for (const op of ops) {
    const { action, path } = isObject(op) ? op : ({} as Body)
    const collection = typeof path === 'string' ? path.slice(0, Math.max(0, path.indexOf('/'))) : ''
    if (!isValidNsid(collection)) invalid += 1
    else if (action === 'delete') deletedIn.add(collection)
    else if (action === 'create' || action === 'update') written.add(collection)
    else invalid += 1
  }
  const emptied: string[] = []
  const unproven: string[] = []
  const budget = { keys: MOST_KEYS }
  const blocks = [...deletedIn].some((name) => !written.has(name)) ? blocksOf(body) : undefined
  for (const collection of deletedIn) {
    if (written.has(collection)) continue
    const proof = blocks === undefined ? 'unknown' : safely(blocks, collection, budget)
    if (proof === 'empty') emptied.push(collection)
    if (proof === 'held') written.add(collection)
    if (proof === 'unknown') unproven.push(collection)
  }
  const isCut = body.tooBig === true || !Array.isArray(body.ops)
  return { written: [...written], emptied, unproven, isCut, invalid }
}

/** A block that cannot be decoded proves nothing. */
function safely(blocks: RepoBlocks, collection: string, budget: ProofBudget) {
  try {
    return proveCollection(blocks, collection, budget)
  } catch {
    return 'unknown' as const
  }
}

/** @returns undefined where there are none, or none that can be read */
function blocksOf({ blocks }: Body): RepoBlocks | undefined {
  try {
    return blocks instanceof Uint8Array ? readBlocks(blocks) : undefined
  } catch {
    return undefined
  }
}

function headOf(link: unknown): string | undefined {
  return link instanceof BlockLink ? cidText(link) : undefined
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text of the server, as far as a log can take it. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 500) : undefined
}

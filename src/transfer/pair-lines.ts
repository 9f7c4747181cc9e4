import { BackfillError } from '../errors.ts'

/** The longest line that is read, in bytes: a DID has at most 2,048 characters and an NSID 317. */
const LONGEST_LINE = 65_536

/** Whole lines of a text, as they come. */
export interface LineBlock {
  /** Without their line ends; `undefined` in place of one that is too long. */
  readonly lines: readonly (string | undefined)[]
  /** Where the next block begins, in bytes from the beginning of the text. */
  readonly end: number
  /** Whether the last line has no line end, as in a file that was cut short. It is the text's last block. */
  readonly unterminated?: true
}

/** What a text is read from: UTF-8, as bytes or as strings, in pieces of any length. */
export type TextPieces = AsyncIterable<Uint8Array | string>

/**
 * Cuts a text into its lines, in the memory of a piece and a line. A line that is too long is passed over, and is not
 * kept meanwhile.
 *
 * @param offset where the first piece stands in the text, in bytes: at the beginning of a line
 * @throws BackfillError when the text is UTF-16; what the pieces throw, once the lines before it were given
 */
export async function* linesOf(pieces: TextPieces, offset: number): AsyncGenerator<LineBlock, void, void> {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let end = offset
  /** The beginning of a line whose end has not come yet. */
  let begun: Uint8Array[] = []
  let begunBytes = 0

  for await (const piece of pieces) {
    const bytes = typeof piece === 'string' ? encoder.encode(piece) : piece
    if (end === 0) refuseUtf16(begun, bytes)
    const lastEnd = bytes.lastIndexOf(LINE_FEED)
    if (lastEnd < 0) {
      begunBytes += bytes.length
      // A line that is too long stays so: its length alone is counted.
      if (begunBytes > LONGEST_LINE) begun = []
      else begun.push(new Uint8Array(bytes))
      continue
    }
    const firstEnd = bytes.indexOf(LINE_FEED)
    const isTooLong = begunBytes + firstEnd > LONGEST_LINE
    const whole = isTooLong
      ? bytes.subarray(firstEnd + 1, lastEnd + 1)
      : joined([...begun, bytes.subarray(0, lastEnd + 1)])
    end += begunBytes + lastEnd + 1
    const rest = bytes.subarray(lastEnd + 1)
    begun = rest.length > 0 && rest.length <= LONGEST_LINE ? [new Uint8Array(rest)] : []
    begunBytes = rest.length
    yield { lines: [...(isTooLong ? [undefined] : []), ...cut(decoder.decode(whole))], end }
  }
  if (begunBytes === 0) return
  const last = begunBytes > LONGEST_LINE ? undefined : withoutReturn(decoder.decode(joined(begun)))
  yield { lines: [last], end: end + begunBytes, unterminated: true }
}

const LINE_FEED = 10

/** The lines of a text that ends with a line end. */
function cut(text: string): (string | undefined)[] {
  const lines: (string | undefined)[] = text.split('\n')
  lines.pop()
  return lines.map((line) =>
    line === undefined || line.length > LONGEST_LINE ? undefined : withoutReturn(line),
  )
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only, ...others] = parts
  if (only !== undefined && others.length === 0) return only
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Spreadsheets save it as "Unicode text". Its lines would all be invalid, and nothing would say why. */
function refuseUtf16(begun: readonly Uint8Array[], bytes: Uint8Array): void {
  const [first, second] = joined([...begun, bytes.subarray(0, 2)])
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw new BackfillError('INPUT_BROKEN', 'The text is UTF-16. Save it as UTF-8, as CSV or NDJSON.')
}

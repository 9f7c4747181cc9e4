/**
 * The most values that are decoded of one message: of its header and body, and again of all the blocks in it. Each may
 * cost V8 some hundred bytes, so what is decoded takes some 30 MB. A commit of 200 records has some thousands in its body,
 * and some ten thousands in the nodes of its proofs.
 */
export const MOST_CBOR_VALUES = 300_000

/** What is left of it. */
export interface ValueBudget {
  values: number
}

/** The kinds of CBOR that have something behind their head. */
const [BYTES, TEXT, LIST, MAP, TAG] = [2, 3, 4, 5, 6] as const

/**
 * Refuses more values than are worth decoding: a frame of millions of `{}` is small on the wire and takes gigabytes once it
 * is decoded. Their number is told by the heads of the values alone.
 *
 * @param budget what may be decoded; what the first value in `bytes` holds is taken from it
 * @throws when that is more. What is no CBOR passes: the decoder says so.
 */
export function takeValues(bytes: Uint8Array, budget: ValueBudget): void {
  let at = 0
  for (let open = 1; open > 0; open -= 1) {
    budget.values -= 1
    if (open - 1 > budget.values) throw new Error('More values than are worth decoding.')
    const head = bytes[at]
    if (head === undefined) return
    const { length, next } = argumentAt(bytes, at)
    at = next
    const kind = head >> 5
    if (kind === BYTES || kind === TEXT) at += length
    if (kind === LIST) open += length
    if (kind === MAP) open += length * 2
    if (kind === TAG) open += 1
  }
}

/** The number in the head of a value, and where the head ends. */
function argumentAt(bytes: Uint8Array, at: number): { length: number; next: number } {
  const short = (bytes[at] ?? 0) & 0x1f
  const size = short >= 24 && short <= 27 ? 2 ** (short - 24) : 0
  let length = size === 0 ? short : 0
  for (let i = 1; i <= size; i += 1) length = length * 256 + (bytes[at + i] ?? 0)
  return { length, next: at + 1 + size }
}

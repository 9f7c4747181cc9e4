/**
 * DIDs as the pairs' table keeps them. The order of the keys in SQLite is the order of the DIDs, so that a list in the
 * order of DIDs is a walk along the primary key.
 *
 * - `did:plc:` and 24 letters, nearly all DIDs: the letters' 120 bits, in 15 bytes. The letters are numbered in the order
 *   of their codes, and not as base32 has them.
 * - A DID that is lower than all of these, such as `did:key:…`: its text. To SQLite, each text is lower than each blob.
 * - Any other: the 15 bytes of the greatest did:plc below it, and its text behind them. For most, such as `did:web:…`,
 *   that is the greatest of all, 15 bytes of 255.
 */
export type DidKey = string | Uint8Array

/** The size of a packed did:plc. */
export const PACKED_BYTES = 15

export const PLC_PREFIX = 'did:plc:'
/** The alphabet of did:plc, in the order of the codes. */
export const PLC_LETTERS = '234567abcdefghijklmnopqrstuvwxyz'

/** How many letters a packed did:plc has. */
const LETTERS = 24
const PACKED_LENGTH = PLC_PREFIX.length + LETTERS
const HIGHEST = PLC_LETTERS.length - 1

/** The number of a letter by its code; 255 for what is none. */
const NUMBERS = new Uint8Array(128).fill(255)
for (let i = 0; i <= HIGHEST; i += 1) NUMBERS[PLC_LETTERS.charCodeAt(i)] = i

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Below every key. */
export const LOWEST_KEY: DidKey = ''

export function keyOfDid(did: string): DidKey {
  const packed = new Uint8Array(PACKED_BYTES)
  if (packDid(did, packed, 0)) return packed
  const floor = floorOf(did)
  if (floor === undefined) return did
  const text = encoder.encode(did)
  const key = new Uint8Array(PACKED_BYTES + text.length)
  pack(floor, key, 0)
  key.set(text, PACKED_BYTES)
  return key
}

export function didOfKey(key: DidKey): string {
  if (typeof key === 'string') return key
  if (key.length > PACKED_BYTES) return decoder.decode(key.subarray(PACKED_BYTES))
  let letters = PLC_PREFIX
  for (let at = 0; at < PACKED_BYTES; at += 5) {
    // 40 bits do not fit into one integer.
    const high = ((key[at] ?? 0) << 12) | ((key[at + 1] ?? 0) << 4) | ((key[at + 2] ?? 0) >>> 4)
    const low = (((key[at + 2] ?? 0) & 15) << 16) | ((key[at + 3] ?? 0) << 8) | (key[at + 4] ?? 0)
    for (const word of [high, low])
      for (const shift of [15, 10, 5, 0]) letters += PLC_LETTERS[(word >>> shift) & HIGHEST]
  }
  return letters
}

/** Packs a DID into 15 bytes from `at` on. @returns false when it is none that can be packed; nothing is written then */
export function packDid(did: string, target: Uint8Array, at: number): boolean {
  if (did.length !== PACKED_LENGTH || !did.startsWith(PLC_PREFIX)) return false
  const numbers = numbersOf(did)
  if (numbers === undefined) return false
  pack(numbers, target, at)
  return true
}

/** One list for all calls: millions of them come in a row. */
const scratch = new Uint8Array(LETTERS)

function numbersOf(did: string): Uint8Array | undefined {
  for (let i = 0; i < LETTERS; i += 1) {
    const number = NUMBERS[did.charCodeAt(PLC_PREFIX.length + i)] ?? 255
    if (number > HIGHEST) return undefined
    scratch[i] = number
  }
  return scratch
}

/** Eight numbers of five bits in five bytes, three times. */
function pack(numbers: Uint8Array, target: Uint8Array, at: number): void {
  for (let i = 0, to = at; i < LETTERS; i += 8, to += 5) {
    const n = (k: number) => numbers[i + k] ?? 0
    target[to] = (n(0) << 3) | (n(1) >>> 2)
    target[to + 1] = (n(1) << 6) | (n(2) << 1) | (n(3) >>> 4)
    target[to + 2] = (n(3) << 4) | (n(4) >>> 1)
    target[to + 3] = (n(4) << 7) | (n(5) << 2) | (n(6) >>> 3)
    target[to + 4] = (n(6) << 5) | n(7)
  }
}

/** The greatest did:plc that can be packed and is below the text, as its letters' numbers; none when all are above. */
function floorOf(text: string): Uint8Array | undefined {
  const numbers = new Uint8Array(LETTERS).fill(HIGHEST)
  if (!text.startsWith(PLC_PREFIX)) return text > PLC_PREFIX ? numbers : undefined
  for (let i = 0; i < LETTERS; i += 1) {
    const code = text.charCodeAt(PLC_PREFIX.length + i)
    const number = NUMBERS[code] ?? 255
    if (number <= HIGHEST) {
      numbers[i] = number
      continue
    }
    const below = lettersBelow(code)
    if (below > 0) {
      numbers[i] = below - 1
      return numbers
    }
    return decremented(numbers, i)
  }
  return numbers
}

/** How many letters are below a character; none of them is at the end of a text, where there is no code. */
function lettersBelow(code: number): number {
  let count = 0
  while (count <= HIGHEST && PLC_LETTERS.charCodeAt(count) < code) count += 1
  return count
}

/** One less than the number whose first `length` digits these are and whose others are 0. */
function decremented(numbers: Uint8Array, length: number): Uint8Array | undefined {
  for (let i = length - 1; i >= 0; i -= 1) {
    const number = numbers[i] ?? 0
    if (number > 0) {
      numbers[i] = number - 1
      return numbers
    }
    numbers[i] = HIGHEST
  }
  return undefined
}

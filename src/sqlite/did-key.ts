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
/** The characters of a did:plc that can be packed. */
export const PLC_LENGTH: number = PLC_PREFIX.length + LETTERS
const HIGHEST = PLC_LETTERS.length - 1

/** The number of a letter by its code; 255 for what is none. */
const NUMBERS = new Uint8Array(128).fill(255)
for (let i = 0; i <= HIGHEST; i += 1) NUMBERS[PLC_LETTERS.charCodeAt(i)] = i

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Those of one did:plc, written over again by each call. */
const characters = encoder.encode(PLC_PREFIX.padEnd(PLC_LENGTH))

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
  unpackLetters(key, 0, characters, PLC_PREFIX.length)
  return decoder.decode(characters)
}

/** The first and the second letter of each ten bits. */
const FIRST = new Uint8Array(1024)
const SECOND = new Uint8Array(1024)
for (let bits = 0; bits < 1024; bits += 1) {
  FIRST[bits] = PLC_LETTERS.charCodeAt(bits >>> 5)
  SECOND[bits] = PLC_LETTERS.charCodeAt(bits & HIGHEST)
}

/** Writes the letters behind `did:plc:` of the DID whose 15 bytes are at `from`; all of them are ASCII. */
export function unpackLetters(packed: Uint8Array, from: number, target: Uint8Array, at: number): void {
  for (let read = from, write = at; read < from + PACKED_BYTES; read += 5, write += 8) {
    const a = packed[read] ?? 0
    const b = packed[read + 1] ?? 0
    const c = packed[read + 2] ?? 0
    const d = packed[read + 3] ?? 0
    const e = packed[read + 4] ?? 0
    writePair((a << 2) | (b >>> 6), target, write)
    writePair(((b & 63) << 4) | (c >>> 4), target, write + 2)
    writePair(((c & 15) << 6) | (d >>> 2), target, write + 4)
    writePair(((d & 3) << 8) | e, target, write + 6)
  }
}

function writePair(bits: number, target: Uint8Array, at: number): void {
  target[at] = FIRST[bits] ?? 0
  target[at + 1] = SECOND[bits] ?? 0
}

/** Packs a DID into 15 bytes from `at` on. @returns false when it is none that can be packed; nothing is written then */
export function packDid(did: string, target: Uint8Array, at: number): boolean {
  if (did.length !== PLC_LENGTH || !did.startsWith(PLC_PREFIX)) return false
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

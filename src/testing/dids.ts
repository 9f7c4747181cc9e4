const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const LETTERS_AT = 'did:plc:'.length

/** One did:plc, written over again by each call: a string made from bytes is several times faster than a joined one. */
const bytes = Buffer.from(`did:plc:${'a'.repeat(24)}`, 'latin1')

/** A bijection of the 32-bit integers that scatters neighbours: the "lowbias32" hash. */
export function mix(value: number): number {
  let x = value ^ (value >>> 16)
  x = Math.imul(x, 0x21f0aaad)
  x ^= x >>> 15
  x = Math.imul(x, 0x735a2d97)
  return x ^ (x >>> 15)
}

/** A 32-bit key for a text: FNV-1a, scattered. */
export function keyOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ mix(seed)
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** The did:plc of an account: 24 letters of base32, six from each of four chained hashes. */
export function didOf(account: number, key: number): string {
  let word = account ^ key
  for (let at = LETTERS_AT; at < bytes.length; at += 6) {
    word = mix(word + key)
    bytes[at] = ALPHABET.charCodeAt(word & 31)
    bytes[at + 1] = ALPHABET.charCodeAt((word >>> 5) & 31)
    bytes[at + 2] = ALPHABET.charCodeAt((word >>> 10) & 31)
    bytes[at + 3] = ALPHABET.charCodeAt((word >>> 15) & 31)
    bytes[at + 4] = ALPHABET.charCodeAt((word >>> 20) & 31)
    bytes[at + 5] = ALPHABET.charCodeAt((word >>> 25) & 31)
  }
  return bytes.toString('latin1')
}

/** What {@link mix} made a number of: the way back. */
function unmix(value: number): number {
  let x = undoShift(value)
  x = Math.imul(x, 0x97132227)
  x = undoShift(x)
  x = Math.imul(x, 0x333c4925)
  return x ^ (x >>> 16)
}

/** The way back from `x ^ (x >>> 15)`. */
function undoShift(x: number): number {
  return x ^ (x >>> 15) ^ (x >>> 30)
}

/** The account whose DID {@link didOf} made, without a list of them. Nothing for any other DID. */
export function accountOf(did: string, key: number): number | undefined {
  let low = 0
  for (let place = 0; place < 6; place += 1) {
    low |= ALPHABET.indexOf(did.charAt(LETTERS_AT + place)) << (5 * place)
  }
  // The six letters hold 30 of the 32 bits.
  for (let high = 0; high < 4; high += 1) {
    const account = (unmix(low | (high << 30)) - key) ^ key
    if (didOf(account, key) === did) return account >>> 0
  }
  return undefined
}

/**
 * A pseudo-random order of the numbers below `count`, as a function from place to number that holds no list.
 *
 * It scrambles the next power of two and walks on from a number that is too big: fewer than two steps on average.
 *
 * @param count 1 to 2^31
 */
export function shuffled(count: number, key: number): (place: number) => number {
  const bits = 32 - Math.clz32(count - 1)
  const mask = 2 ** bits - 1
  const shift = Math.max(1, (bits + 1) >> 1)
  const [add, first, second] = [mix(key), mix(key + 1) | 1, mix(key + 2) | 1]
  return (place) => {
    let x = place
    do {
      x = (Math.imul(x, first) + add) & mask
      x ^= x >>> shift
      x = Math.imul(x, second) & mask
      x ^= x >>> shift
    } while (x >= count)
    return x
  }
}

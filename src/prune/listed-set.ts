import type { Digest } from '../verify/digest-set.ts'

/**
 * The buckets: with their numbers, 46 bits of each digest are kept. Of 40 million accounts, one of two million others
 * then looks like one of them.
 */
const BUCKETS = 2 ** 14

/** How many of a bucket's bits come from the digest's value: its own number has ten. */
const VALUE_BITS = 4

const FIRST_CAPACITY = 32

/** Of an array that is full, how much the next one is larger. */
const GROWTH = 1.25

/**
 * What a list names as active, in four bytes for each account and a quarter more at most for growth. It may take an account
 * that is not listed for one that is, about never, and never the other way round.
 *
 * What does not fit into the memory that it may take is not known: half of all buckets is given up, then another quarter.
 */
export interface ListedSet {
  add(digest: Digest): void
  has(digest: Digest): 'listed' | 'unlisted' | 'unknown'
  /** The share of all accounts that it tells about, from 0 to 1. */
  readonly share: number
}

interface Bucket {
  /** Of these, the first `length` are in use. */
  entries: Uint32Array
  length: number
  sorted: boolean
}

export function listedSet(memoryBytes: number): ListedSet {
  const buckets: (Bucket | undefined)[] = Array.from({ length: BUCKETS })
  let bytes = 0
  let modulus = 1

  function giveUpHalf(): void {
    modulus *= 2
    for (const [at, bucket] of buckets.entries()) {
      if (bucket === undefined || at % modulus === 0) continue
      bytes -= bucket.entries.byteLength
      buckets[at] = undefined
    }
  }

  function grow(bucket: Bucket): void {
    sort(bucket)
    // What was there twice has made room already, unless that is next to nothing.
    if (bucket.length < bucket.entries.length * 0.9) return
    const larger = new Uint32Array(Math.ceil(bucket.entries.length * GROWTH))
    larger.set(bucket.entries)
    bytes += larger.byteLength - bucket.entries.byteLength
    bucket.entries = larger
  }

  return {
    add(digest) {
      const at = bucketOf(digest)
      if (at % modulus !== 0) return
      let bucket = buckets[at]
      if (bucket === undefined) {
        bucket = { entries: new Uint32Array(FIRST_CAPACITY), length: 0, sorted: true }
        buckets[at] = bucket
        bytes += bucket.entries.byteLength
      }
      if (bucket.length === bucket.entries.length) grow(bucket)
      bucket.entries[bucket.length] = digest.value >>> 0
      bucket.length += 1
      bucket.sorted = false
      while (bytes > memoryBytes && modulus < BUCKETS) giveUpHalf()
    },
    has(digest) {
      const at = bucketOf(digest)
      if (at % modulus !== 0) return 'unknown'
      const bucket = buckets[at]
      return bucket !== undefined && includes(bucket, digest.value >>> 0) ? 'listed' : 'unlisted'
    },
    get share() {
      return 1 / modulus
    },
  }
}

function bucketOf({ bucket, value }: Digest): number {
  return (bucket << VALUE_BITS) | (Math.floor(value / 2 ** 32) & (2 ** VALUE_BITS - 1))
}

function includes(bucket: Bucket, entry: number): boolean {
  sort(bucket)
  let from = 0
  let to = bucket.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((bucket.entries[middle] ?? 0) < entry) from = middle + 1
    else to = middle
  }
  return from < bucket.length && bucket.entries[from] === entry
}

/** Sorts a bucket and takes out what is in it twice. */
function sort(bucket: Bucket): void {
  if (bucket.sorted) return
  const used = bucket.entries.subarray(0, bucket.length).sort()
  let length = 0
  for (const entry of used) {
    if (length > 0 && used[length - 1] === entry) continue
    used[length] = entry
    length += 1
  }
  bucket.length = length
  bucket.sorted = true
}

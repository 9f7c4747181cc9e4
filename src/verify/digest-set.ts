import { addEntry, type DigestBucket, emptyBucket, placeIn, sortBucket } from './digest-bucket.ts'

/** How many buckets the DIDs of a collection are spread over. */
const BUCKETS = 1024
const BUCKET_BITS = 10

const NOTHING = new Float64Array(0)

/** The entries of a bucket that is new. */
const FIRST_CAPACITY = 64

/** A DID in 63 bits: the number of its bucket, and a whole number from 1 to 2^53 - 1. */
export interface Digest {
  bucket: number
  value: number
}

/**
 * Makes digests. Two DIDs of a collection of ten million have the same one with a probability of one in 180,000, so a
 * difference is overlooked about never; the seed makes sure that nobody can prepare such a pair.
 *
 * Each call gives the same object, filled anew: one for each of millions of DIDs is work for the garbage collector.
 */
export function digester(seed: number = Math.floor(Math.random() * 2 ** 32)): (did: string) => Digest {
  const digest: Digest = { bucket: 0, value: 0 }
  return (did) => {
    let first = seed | 0
    let second = ~seed
    for (let i = 0; i < did.length; i += 1) {
      const code = did.charCodeAt(i)
      first = Math.imul(first ^ code, 0x9e3779b1)
      first ^= first >>> 15
      second = Math.imul(second ^ code, 0x85ebca77)
      second ^= second >>> 13
    }
    first = scatter(first)
    second = scatter(second ^ first)
    const high = first & (2 ** (32 - BUCKET_BITS) - 1)
    digest.bucket = first >>> (32 - BUCKET_BITS)
    digest.value = high * 2 ** 31 + (second >>> 1) || 1
    return digest
  }
}

/** Every bit of the result depends on every bit: the finalizer of MurmurHash3. */
function scatter(hash: number): number {
  let x = hash ^ (hash >>> 16)
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  return x ^ (x >>> 16)
}

/** The share of all buckets that one pass is about: those with `bucket % modulus === remainder`. */
export interface Share {
  readonly modulus: number
  readonly remainder: number
}

export const EVERYTHING: Share = { modulus: 1, remainder: 0 }

export function isIn({ modulus, remainder }: Share, bucket: number): boolean {
  return bucket % modulus === remainder
}

/** The two halves of a share, or nothing when it is a single bucket. */
export function halves({ modulus, remainder }: Share): [Share, Share] | undefined {
  if (modulus >= BUCKETS) return undefined
  const doubled = 2 * modulus
  return [
    { modulus: doubled, remainder },
    { modulus: doubled, remainder: remainder + modulus },
  ]
}

/**
 * A set of digests, eight bytes each and a third more at most for growth: each bucket is an array that is sorted when
 * it is asked. Members can be marked.
 */
export interface DigestSet {
  /** Not after a first mark. */
  add(digest: Digest): void
  /** Marks it where it is a member: for the first time, or again. */
  mark(digest: Digest): 'absent' | 'first' | 'again'
  isMarked(digest: Digest): boolean
  /** Whether it is a member. May come between two `add`. */
  has(digest: Digest): boolean
  /** The members of a bucket in ascending order, each once. Only of a set without marks, and before the next `add`. */
  bucket(number: number): Float64Array
  /** How many members there are, each counted once, and how many of them are marked. */
  count(): { members: number; marked: number }
  /** Forgets what is not in the share. */
  keep(share: Share): void
  readonly bytes: number
}

export function digestSet(): DigestSet {
  const buckets: (DigestBucket<Float64Array> | undefined)[] = Array.from({ length: BUCKETS })
  let bytes = 0

  function bucketFor(number: number): DigestBucket<Float64Array> {
    const bucket = buckets[number] ?? emptyBucket(new Float64Array(FIRST_CAPACITY))
    if (buckets[number] === undefined) bytes += bucket.entries.byteLength
    buckets[number] = bucket
    return bucket
  }

  /** Where it is in its bucket, or nothing. */
  function find({ bucket: number, value }: Digest): { entries: Float64Array; at: number } | undefined {
    const bucket = buckets[number]
    if (bucket === undefined) return undefined
    const at = placeIn(bucket, value)
    return at < 0 ? undefined : { entries: bucket.entries, at }
  }

  return {
    add({ bucket: number, value }) {
      const bucket = bucketFor(number)
      bytes += addEntry(bucket, value, larger)
    },
    mark(digest) {
      const found = find(digest)
      if (found === undefined) return 'absent'
      const { entries, at } = found
      if (isMarked(entries[at])) return 'again'
      entries[at] = -digest.value
      return 'first'
    },
    bucket(number) {
      const bucket = buckets[number]
      if (bucket === undefined) return NOTHING
      sortBucket(bucket)
      return bucket.entries.subarray(0, bucket.length)
    },
    isMarked(digest) {
      const found = find(digest)
      return isMarked(found?.entries[found.at])
    },
    has: (digest) => find(digest) !== undefined,
    count() {
      let members = 0
      let marked = 0
      for (const bucket of buckets) {
        if (bucket === undefined) continue
        sortBucket(bucket)
        members += bucket.length
        for (let i = 0; i < bucket.length; i += 1) if (isMarked(bucket.entries[i])) marked += 1
      }
      return { members, marked }
    },
    keep(share) {
      for (const [number, bucket] of buckets.entries()) {
        if (bucket === undefined || isIn(share, number)) continue
        bytes -= bucket.entries.byteLength
        buckets[number] = undefined
      }
    },
    get bytes() {
      return bytes
    },
  }
}

function isMarked(entry = 0): boolean {
  return entry < 0
}

function larger(length: number): Float64Array {
  return new Float64Array(Math.ceil(length * 1.33))
}

/** How many members several sets have in common. */
export interface Overlap {
  /** In one of them at least. */
  union: number
  all: number
  /** In this one alone, set by set. */
  readonly only: number[]
}

/** Compares sets without marks, bucket by bucket, in the memory that they have. */
export function overlapOf(sets: readonly DigestSet[]): Overlap {
  const overlap: Overlap = { union: 0, all: 0, only: sets.map(() => 0) }
  for (let number = 0; number < BUCKETS; number += 1) {
    const buckets = sets.map((set) => set.bucket(number))
    const at = buckets.map(() => 0)
    for (;;) {
      let least = Number.POSITIVE_INFINITY
      for (const [i, bucket] of buckets.entries()) least = Math.min(least, bucket[at[i] ?? 0] ?? least)
      if (least === Number.POSITIVE_INFINITY) break
      let holders = 0
      let holder = 0
      for (const [i, bucket] of buckets.entries()) {
        if (bucket[at[i] ?? 0] !== least) continue
        at[i] = (at[i] ?? 0) + 1
        holders += 1
        holder = i
      }
      overlap.union += 1
      if (holders === sets.length) overlap.all += 1
      if (holders === 1) overlap.only[holder] = (overlap.only[holder] ?? 0) + 1
    }
  }
  return overlap
}

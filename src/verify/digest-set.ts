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

/** Of `entries`, the first `length` are in use. A marked one is negative. */
interface Bucket {
  entries: Float64Array
  length: number
  sorted: boolean
}

export function digestSet(): DigestSet {
  const buckets: (Bucket | undefined)[] = Array.from({ length: BUCKETS })
  let bytes = 0

  function bucketFor(number: number): Bucket {
    const bucket = buckets[number] ?? { entries: new Float64Array(FIRST_CAPACITY), length: 0, sorted: true }
    if (buckets[number] === undefined) bytes += bucket.entries.byteLength
    buckets[number] = bucket
    return bucket
  }

  function makeRoom(bucket: Bucket): void {
    sort(bucket)
    const { entries, length } = bucket
    // What was there twice has made room already, unless that is next to nothing.
    if (length < entries.length * 0.9) return
    bucket.entries = new Float64Array(Math.ceil(entries.length * 1.33))
    bucket.entries.set(entries)
    bytes += bucket.entries.byteLength - entries.byteLength
  }

  /** Where the value is in its bucket, or nothing. */
  function find({ bucket: number, value }: Digest): { bucket: Bucket; at: number } | undefined {
    const bucket = buckets[number]
    if (bucket === undefined) return undefined
    sort(bucket)
    const { entries } = bucket
    let from = 0
    let to = bucket.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (Math.abs(entries[middle] ?? 0) < value) from = middle + 1
      else to = middle
    }
    return from < bucket.length && Math.abs(entries[from] ?? 0) === value ? { bucket, at: from } : undefined
  }

  return {
    add({ bucket: number, value }) {
      const bucket = bucketFor(number)
      if (bucket.length === bucket.entries.length) makeRoom(bucket)
      bucket.entries[bucket.length] = value
      bucket.length += 1
      bucket.sorted = false
    },
    mark(digest) {
      const found = find(digest)
      if (found === undefined) return 'absent'
      const { entries } = found.bucket
      if (isMarked(entries[found.at])) return 'again'
      entries[found.at] = -digest.value
      return 'first'
    },
    bucket(number) {
      const bucket = buckets[number]
      if (bucket === undefined) return NOTHING
      sort(bucket)
      return bucket.entries.subarray(0, bucket.length)
    },
    isMarked(digest) {
      const found = find(digest)
      return isMarked(found?.bucket.entries[found.at])
    },
    has: (digest) => find(digest) !== undefined,
    count() {
      let members = 0
      let marked = 0
      for (const bucket of buckets) {
        if (bucket === undefined) continue
        sort(bucket)
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

/** Sorts a bucket and takes out what is in it twice. */
function sort(bucket: Bucket): void {
  if (bucket.sorted) return
  const used = bucket.entries.subarray(0, bucket.length).sort()
  let length = 0
  for (const value of used) {
    if (length > 0 && used[length - 1] === value) continue
    used[length] = value
    length += 1
  }
  bucket.length = length
  bucket.sorted = true
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

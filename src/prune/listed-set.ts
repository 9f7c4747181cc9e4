import { addEntry, type DigestBucket, emptyBucket, placeIn } from '../verify/digest-bucket.ts'
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

export function listedSet(memoryBytes: number): ListedSet {
  const buckets: (DigestBucket<Uint32Array> | undefined)[] = Array.from({ length: BUCKETS })
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

  return {
    add(digest) {
      const at = bucketOf(digest)
      if (at % modulus !== 0) return
      let bucket = buckets[at]
      if (bucket === undefined) {
        bucket = emptyBucket(new Uint32Array(FIRST_CAPACITY))
        buckets[at] = bucket
        bytes += bucket.entries.byteLength
      }
      bytes += addEntry(bucket, digest.value >>> 0, larger)
      while (bytes > memoryBytes && modulus < BUCKETS) giveUpHalf()
    },
    has(digest) {
      const at = bucketOf(digest)
      if (at % modulus !== 0) return 'unknown'
      const bucket = buckets[at]
      return bucket !== undefined && placeIn(bucket, digest.value >>> 0) >= 0 ? 'listed' : 'unlisted'
    },
    get share() {
      return 1 / modulus
    },
  }
}

function bucketOf({ bucket, value }: Digest): number {
  return (bucket << VALUE_BITS) | (Math.floor(value / 2 ** 32) & (2 ** VALUE_BITS - 1))
}

function larger(length: number): Uint32Array {
  return new Uint32Array(Math.ceil(length * GROWTH))
}

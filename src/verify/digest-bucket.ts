type Entries = Uint32Array | Float64Array

/**
 * Numbers in an array that grows, sorted when it is asked: of `entries`, the first `length` are in use. A negative one is
 * marked, and stays in its place.
 */
export interface DigestBucket<Kind extends Entries> {
  entries: Kind
  length: number
  sorted: boolean
}

export function emptyBucket<Kind extends Entries>(entries: Kind): DigestBucket<Kind> {
  return { entries, length: 0, sorted: true }
}

/** @param larger makes the array for one that is full. @returns how many bytes more the bucket takes */
export function addEntry<Kind extends Entries>(
  bucket: DigestBucket<Kind>,
  entry: number,
  larger: (length: number) => Kind,
): number {
  const { entries } = bucket
  if (bucket.length === entries.length) {
    sortBucket(bucket)
    // What was there twice has made room already, unless that is next to nothing.
    if (bucket.length >= entries.length * 0.9) {
      bucket.entries = larger(entries.length)
      bucket.entries.set(entries)
    }
  }
  bucket.entries[bucket.length] = entry
  bucket.length += 1
  bucket.sorted = false
  return bucket.entries.byteLength - entries.byteLength
}

/** Where an entry is, marked or not; -1 where it is not. */
export function placeIn<Kind extends Entries>(bucket: DigestBucket<Kind>, entry: number): number {
  sortBucket(bucket)
  const { entries, length } = bucket
  let from = 0
  let to = length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (Math.abs(entries[middle] ?? 0) < entry) from = middle + 1
    else to = middle
  }
  return from < length && Math.abs(entries[from] ?? 0) === entry ? from : -1
}

/** Sorts a bucket and takes out what is in it twice. */
export function sortBucket<Kind extends Entries>(bucket: DigestBucket<Kind>): void {
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

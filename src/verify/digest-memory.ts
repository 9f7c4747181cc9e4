import { abortable } from '../util/abort.ts'

/** What the digests of a repo take at most, in bytes: eight, and a third more for free places. */
const BYTES_PER_REPO = 11

/** A share of the memory, for the digests of one collection. */
export interface DigestShare extends Disposable {
  /** Whether digests that take `bytes` fit beside those of the other collections. */
  fits(bytes: number): boolean
}

/** The memory that the digests of all collections share that are compared at once. */
export interface DigestMemory {
  /**
   * Waits, in turn, until there is room for a collection beside those that have a share. One alone always has room.
   *
   * @param repos how many repos it is expected to have; absent where that is not known: then it is compared alone
   */
  share(repos: number | undefined, signal: AbortSignal): Promise<DigestShare>
}

export function createDigestMemory(limit: number): DigestMemory {
  const shares = new Map<DigestShare, { readonly expected: number; bytes: number }>()
  const waiting: { readonly expected: number; readonly enter: () => void }[] = []
  const sum = (of: 'expected' | 'bytes') =>
    [...shares.values()].reduce((bytes, share) => bytes + share[of], 0)
  const letIn = () => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (shares.size > 0 && sum('expected') + next.expected > limit) return
      waiting.shift()
      next.enter()
    }
  }
  const give = (expected: number): DigestShare => {
    const share: DigestShare = {
      fits(bytes) {
        const own = shares.get(share)
        if (own !== undefined) own.bytes = bytes
        return sum('bytes') <= limit
      },
      [Symbol.dispose]() {
        shares.delete(share)
        letIn()
      },
    }
    shares.set(share, { expected, bytes: 0 })
    return share
  }
  return {
    async share(repos, signal) {
      const expected = repos === undefined ? limit : Math.min(limit, repos * BYTES_PER_REPO)
      const { promise, resolve } = Promise.withResolvers<DigestShare>()
      const place = { expected, enter: () => resolve(give(expected)) }
      waiting.push(place)
      letIn()
      try {
        return await abortable(promise, signal)
      } catch (error) {
        if (waiting.includes(place)) waiting.splice(waiting.indexOf(place), 1)
        // It was given just as the wait was aborted.
        else (await promise)[Symbol.dispose]()
        letIn()
        throw error
      }
    },
  }
}

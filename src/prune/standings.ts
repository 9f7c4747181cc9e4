import type { InactiveStanding } from '../util/account-standing.ts'
import { type Digest, type DigestSet, digestSet } from '../verify/digest-set.ts'

/** From the mildest on. */
const ORDER = ['inactive', 'deactivated', 'suspended', 'takendown', 'deleted'] satisfies InactiveStanding[]

/** What a list says of the accounts that are not active, eight bytes for each and a third more at most. */
export interface Standings {
  /** Not after a first {@link Standings.of}. */
  note(digest: Digest, standing: InactiveStanding): void
  /** What was noted of an account: the mildest, where that is several things. */
  of(digest: Digest): { readonly standing: InactiveStanding; readonly isFirst: boolean } | undefined
  /** How many accounts were noted, each counted once. */
  count(): ReadonlyMap<InactiveStanding, number>
}

export function createStandings(): Standings {
  const sets = new Map<InactiveStanding, DigestSet>()
  return {
    note(digest, standing) {
      const set = sets.get(standing) ?? digestSet()
      sets.set(standing, set)
      set.add(digest)
    },
    of(digest) {
      for (const standing of ORDER) {
        const seen = sets.get(standing)?.mark(digest) ?? 'absent'
        if (seen !== 'absent') return { standing, isFirst: seen === 'first' }
      }
      return undefined
    },
    count: () => new Map([...sets].map(([standing, set]) => [standing, set.count().members])),
  }
}

import type { KnownCollection } from '../contracts/collection-source.ts'
import type { Claim } from '../contracts/progress-store.ts'
import { abortable } from '../util/abort.ts'

/**
 * Which walks of a run commit first where the database is slower than the relay, so that the longest does not end minutes
 * after the others. The pages of a walk come one after the other, so what it has waited it can never win back.
 *
 * The longest waits for none. Beside it, as many commits run as it goes into what is left of the others: with fewer, they
 * would end after it; with more, each of them takes a share of the database from it. Of those that wait, the one with most
 * left is the next. Where the relay is slower, few commits meet, and none waits.
 */
export interface CommitTurns {
  /** Takes the sizes of collections, as far as they are known. Without any, no commit waits. */
  expect(collections: readonly KnownCollection[]): void
  /** A walk begins. Its turns are to be left when it ends. */
  enter(claim: Claim): WalkTurns
}

/** The turns of one walk. */
export interface WalkTurns {
  /** Runs a commit when its turn has come. Rejects with the signal's reason when that aborts before. */
  inTurn<T>(claim: Claim, commit: () => Promise<T>): Promise<T>
  leave(): void
}

/** A walk that is under way. */
interface Walk {
  /** What of its size is still to come; undefined where that is not known, or turned out to be wrong. */
  left: number | undefined
}

interface Waiting {
  readonly walk: Walk
  readonly go: () => void
}

export function createCommitTurns(signal: AbortSignal): CommitTurns {
  const sizes = new Map<string, number>()
  const walks = new Set<Walk>()
  const waiting: Waiting[] = []
  const running = new Set<Walk>()
  let notBegun = countOf([])

  /** A walk of which that is not known may be as long as the longest. */
  const leftOf = ({ left }: Walk, longest: number) => left ?? longest

  function longestWalk(): number {
    return Math.max(0, ...Array.from(walks, ({ left = 0 }) => left))
  }

  /** How many commits may run beside one of the longest walk: one at the least, for a size may be wrong. */
  function mostBeside(longest: number): number {
    const begun = Array.from(walks).reduce((sum, walk) => sum + leftOf(walk, longest), 0)
    return Math.max(1, Math.ceil((begun + notBegun.sum()) / longest) - 1)
  }

  /** Where the next one is of those that wait; undefined while none may go. */
  function next(): number | undefined {
    const longest = longestWalk()
    const lefts = waiting.map(({ walk }) => leftOf(walk, longest))
    const most = Math.max(...lefts)
    const beside = Array.from(running).filter((walk) => leftOf(walk, longest) < longest).length
    return most === longest || beside < mostBeside(longest) ? lefts.indexOf(most) : undefined
  }

  function letGo(): void {
    while (waiting.length > 0) {
      const at = next()
      if (at === undefined) return
      for (const { walk, go } of waiting.splice(at, 1)) {
        running.add(walk)
        go()
      }
    }
  }

  async function turnOf(walk: Walk): Promise<void> {
    const turn = Promise.withResolvers<void>()
    waiting.push({ walk, go: turn.resolve })
    letGo()
    // When it aborts the run is over, and no turn is needed any more.
    await abortable(turn.promise, signal)
  }

  return {
    expect(collections) {
      for (const { nsid, estimatedRepos } of collections)
        if (estimatedRepos !== undefined) sizes.set(nsid, estimatedRepos)
      notBegun = countOf(sizes)
    },
    enter(start) {
      const { collection } = start
      const size = sizes.get(collection)
      const walk: Walk = { left: leftAt(start, size) }
      walks.add(walk)
      notBegun.begin(collection)
      return {
        async inTurn(claim, commit) {
          walk.left = leftAt(claim, size)
          await turnOf(walk)
          try {
            return await commit()
          } finally {
            running.delete(walk)
            letGo()
          }
        },
        leave() {
          walks.delete(walk)
          letGo()
        },
      }
    },
  }
}

/**
 * How much there is in collections that no walk has begun with. The largest are claimed first, so one that is larger than
 * one that begins is complete, or another process has it.
 */
function countOf(sizes: Iterable<readonly [string, number]>): {
  begin(collection: string): void
  sum(): number
} {
  const left = new Map(Array.from(sizes).toSorted(([, a], [, b]) => b - a))
  let sum = Array.from(left.values()).reduce((total, size) => total + size, 0)
  const drop = (collection: string, size: number) => {
    if (left.delete(collection)) sum -= size
  }
  return {
    begin(collection) {
      const size = left.get(collection)
      if (size === undefined) return
      for (const [larger, its] of left) {
        if (its <= size) break
        drop(larger, its)
      }
      drop(collection, size)
    },
    sum: () => sum,
  }
}

function leftAt({ imported, invalid }: Claim, size: number | undefined): number | undefined {
  const left = (size ?? 0) - imported - invalid
  return left > 0 ? left : undefined
}

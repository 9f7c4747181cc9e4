import type { MergeStep, Merging } from './merging.ts'
import { type Connection, rollBack } from './sqlite-driver.ts'

/** Merges what is to be merged, in steps between the transactions of others. */
export interface MergeWork {
  /** Within the turn of a transaction that added pairs. Who adds, merges: else it would grow faster than it is merged. */
  payFor(added: number): Promise<void>
  /** Merges until that is done or nothing moves, in turns of its own. */
  goOn(): Promise<void>
  /** Merges for a moment, before the file is closed. */
  end(): void
}

interface MergeParts {
  /** Runs one body after the other. */
  readonly inTurn: <T>(body: () => Promise<T> | T) => Promise<T>
  readonly isClosing: () => boolean
}

export function createMergeWork(
  connection: Connection,
  merging: Merging,
  { inTurn, isClosing }: MergeParts,
): MergeWork {
  let isMerging = false

  /** What is committed stays so: where this cannot be told, there is nothing to merge now, and the next write tells why. */
  function isDue(): boolean {
    try {
      return merging.isDue(connection)
    } catch {
      return false
    }
  }

  /** When the lock is free at once: another process that has it may be merging itself. */
  function step(): MergeStep | 'busy' {
    try {
      connection.exec('begin immediate')
    } catch {
      return 'busy'
    }
    try {
      const outcome = merging.step(connection)
      connection.exec('commit')
      return outcome
    } catch {
      // A full disk, say: what is not merged is read all the same, and the next write tells what is wrong.
      rollBack(connection)
      return 'busy'
    }
  }

  async function goOn(): Promise<void> {
    if (isMerging) return
    isMerging = true
    try {
      while (!isClosing() && isDue()) {
        const outcome = await inTurn(() => (isClosing() ? 'busy' : step()))
        if (outcome === 'busy') return
        await turn()
      }
    } finally {
      isMerging = false
    }
  }

  return {
    goOn,
    async payFor(added) {
      if (!isDue()) return
      const until = performance.now() + merging.longestMs
      for (let owed = merging.owedFor(added); owed > 0 && performance.now() < until; ) {
        const outcome = step()
        if (outcome === 'busy' || outcome.isDone) break
        owed -= outcome.merged
        await turn()
      }
      void goOn()
    },
    end() {
      const until = performance.now() + merging.longestMs
      while (isDue() && performance.now() < until) if (step() === 'busy') break
    },
  }
}

/** Lets what waits for the network, or for a timer, have its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

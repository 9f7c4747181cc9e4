import type { MonitoredFailure } from './snapshot.ts'

/** What went wrong, as far back as somebody would read. */
export interface FailureLog {
  add(failure: Omit<MonitoredFailure, 'times'>): void
  list(): readonly MonitoredFailure[]
  readonly count: number
}

const KEPT = 100

/** The same again and again, as a database that is down gives it, is one entry. */
export function createFailureLog(): FailureLog {
  const failures: MonitoredFailure[] = []
  let count = 0
  return {
    add(failure) {
      count += 1
      const last = failures.at(-1)
      const again = last !== undefined && isSame(last, failure)
      if (again) failures.pop()
      failures.push({ ...failure, times: again ? last.times + 1 : 1 })
      if (failures.length > KEPT) failures.shift()
    },
    list: () => [...failures],
    get count() {
      return count
    },
  }
}

function isSame(one: MonitoredFailure, other: Omit<MonitoredFailure, 'times'>): boolean {
  return one.kind === other.kind && one.subject === other.subject && one.message === other.message
}

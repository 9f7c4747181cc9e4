import { count, plural } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminRow, AdminTotals } from '../../wire-types.ts'
import type { Announcer } from './announcer.ts'
import { stateOf } from './overview.ts'

/** Tells a screen reader of the beginning and the end of a run, and of failures; not of pages. */
export interface Announcements {
  take(totals: AdminTotals | undefined, row: AdminRow | undefined): void
}

export function createAnnouncements(announcer: Announcer): Announcements {
  let before: string | undefined
  const failed = new Set<string>()
  return {
    take(totals, row) {
      // Pauses come and go: they would be said all the time. A database that is away is another matter.
      const isAway = totals?.running && totals.waiting?.reason === 'database'
      const now = totals && (totals.running && !isAway ? 'Running' : stateOf(totals).name)
      if (now !== before && totals && before !== undefined) {
        announcer.say(`${now}: ${count(totals.completed)} of ${plural(totals.total, 'collection')} complete.`)
      }
      before = now
      if (row === undefined) return
      if (row.state !== 'failed') failed.delete(row.collection)
      else if (!failed.has(row.collection)) {
        failed.add(row.collection)
        announcer.say(`${printable(row.collection)} failed.`)
      }
    },
  }
}

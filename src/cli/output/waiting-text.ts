import type { SetAsideCollection, Waiting } from '../../monitor/snapshot.ts'
import { count, duration, plural } from '../../util/format.ts'
import { withoutName } from '../../util/text.ts'

/** What the whole run waits for, and for how long yet. */
export function waitingText(waiting: Waiting, at: number): string {
  switch (waiting.reason) {
    case 'database': {
      const again = duration(waiting.until - at)
      return `the database is unavailable for ${duration(at - waiting.since)}, asked again in ${again}: ${waiting.message}`
    }
    case 'relay':
      return `the relay asked for a pause, ${duration(waiting.until - at)}${waiting.message === undefined ? '' : `: ${waiting.message}`}`
    case 'setAside': {
      const [first, ...others] = waiting.collections
      const more = others.length === 0 ? '' : ` and ${count(others.length)} more`
      return `waiting ${duration(waiting.until - at)}: ${first?.collection}${more} will be retried`
    }
    case 'claims': {
      const until = waiting.until === undefined ? '' : `, at most ${duration(waiting.until - at)}`
      const who = waiting.holders.length === 0 ? 'another worker' : waiting.holders.join(', ')
      return `waiting for ${who} with ${plural(waiting.collections.length, 'collection')}${until}`
    }
  }
}

/** When a collection is tried again, and why it waits. */
export function setAsideText({ collection, until, message }: SetAsideCollection, at: number): string {
  const why = message === undefined ? '' : `: ${withoutName(message, collection)}`
  return `again in ${duration(until - at)}${why}`
}

import type { FeedEvent } from '../../contracts/feed-events.ts'
import { describe } from '../../util/describe.ts'
import { duration } from '../../util/format.ts'

/** What of a feed's events people are to read later too: how it is said, and what. Nothing for the others. */
export function feedMessage(event: FeedEvent): { kind: 'inform' | 'warn'; text: string } | undefined {
  switch (event.type) {
    case 'live': {
      const from = event.cursor === undefined ? '' : ` from ${event.cursor} on`
      return {
        kind: 'inform',
        text: event.elsewhere ? 'is followed by another process' : `is followed${from}`,
      }
    }
    case 'gap':
      if (event.reason === 'begin') return undefined
      return { kind: 'warn', text: `${GAP_WORDS[event.reason]}; the backlog is imported again` }
    case 'notice':
      return { kind: 'inform', text: `says ${event.name}${event.message ? `: ${event.message}` : ''}` }
    case 'disconnected':
      return { kind: 'warn', text: `${describe(event.error)} Again in ${duration(event.retryInMs)}.` }
    case 'claimLost':
      return { kind: 'warn', text: 'was taken over by another process' }
    case 'storeUnavailable':
      return event.attempt === 1
        ? { kind: 'warn', text: `waits for the database: ${describe(event.error)}` }
        : undefined
    case 'storeAvailable':
      return { kind: 'inform', text: `goes on; the database was away for ${duration(event.unavailableMs)}` }
    case 'retry':
      return event.attempt === 1 ? { kind: 'warn', text: describe(event.error) } : undefined
    default:
      return undefined
  }
}

const GAP_WORDS = {
  outdatedCursor: 'does not go back to where it was read last',
  futureCursor: 'has not come yet to where it was read last: the relay was rebuilt, or is another one',
} as const

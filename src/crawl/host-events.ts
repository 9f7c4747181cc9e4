import type { CrawlEvent } from '../contracts/crawl-events.ts'
import type { BackfillEvent, Emit } from '../contracts/events.ts'
import { leftOutReason } from './left-out.ts'

/** Tells an event of a crawl, at once. */
export type EmitCrawl = (event: CrawlEvent) => void

/**
 * The parts of a run tell of relays and collections. A crawl's rows are hosts: this tells its events instead.
 *
 * @param host whose claim the parts work on; absent for what concerns them all
 */
export function asCrawlEvents(emit: EmitCrawl, host?: string): Emit {
  return (event) => {
    const told = crawlEventOf(event, host)
    if (told !== undefined) emit(told)
  }
}

function crawlEventOf(event: BackfillEvent, given: string | undefined): CrawlEvent | undefined {
  const host = given ?? ('collection' in event ? event.collection : undefined)
  switch (event.type) {
    case 'retry': {
      const { call, error, attempt, waitMs } = event
      return { type: 'retry', host, call, error, attempt, waitMs }
    }
    case 'waiting':
      return { type: 'waiting', holders: event.holders }
    case 'storeUnavailable': {
      const { error, attempt, waitMs } = event
      return { type: 'storeUnavailable', error, attempt, waitMs }
    }
    case 'storeAvailable':
      return { type: 'storeAvailable', unavailableMs: event.unavailableMs }
  }
  return host === undefined ? undefined : hostEventOf(event, host)
}

function hostEventOf(event: BackfillEvent, host: string): CrawlEvent | undefined {
  switch (event.type) {
    case 'requested': {
      const { durationMs, error } = event
      return error === undefined
        ? { type: 'requested', host, durationMs }
        : { type: 'requested', host, durationMs, error }
    }
    case 'paused': {
      const { waitMs, error } = event
      return error === undefined ? { type: 'paused', host, waitMs } : { type: 'paused', host, waitMs, error }
    }
    case 'collectionStarted': {
      const { cursor, pages, imported } = event
      return { type: 'hostStarted', host, cursor, pages, repos: imported }
    }
    case 'collectionFailed': {
      const { error, attempts, retryInMs, restart } = event
      const reason = leftOutReason(error)
      if (reason !== undefined) return { type: 'hostLeftOut', host, reason }
      return { type: 'hostFailed', host, error, attempts, retryInMs, restart }
    }
    case 'claimLost':
      return { type: 'claimLost', host, error: event.error }
  }
  return undefined
}

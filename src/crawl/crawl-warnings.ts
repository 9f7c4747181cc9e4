import type { CrawlEvent, CrawlListener } from '../contracts/crawl-events.ts'
import type { IndexReposEvent } from '../contracts/index-repos-events.ts'
import { because, seconds, type Warning, warnFirst } from '../run/warnings.ts'

/** The listener of a crawl, or of a run over given repos, that was given none: as that of a backfill. */
export function warnOfHosts(
  warn?: (message: string, code: string) => void,
): CrawlListener & ((event: IndexReposEvent) => void) {
  return warnFirst(warningOf, warn)
}

function warningOf(event: CrawlEvent | IndexReposEvent): Warning | undefined {
  switch (event.type) {
    case 'retry': {
      const what = event.call === undefined ? 'a request or a write' : `the progress store’s ${event.call}`
      const whose = event.host ?? event.source ?? event.did ?? 'The store'
      const message = `${whose}: ${what} failed${because(event.error)}. It is tried again in ${seconds(event.waitMs)}.`
      return { code: 'BACKFILL_RETRY', message }
    }
    case 'paused': {
      const message = `${event.host}: all requests wait for ${seconds(event.waitMs)}${because(event.error)}.`
      return { code: 'BACKFILL_PAUSED', message }
    }
    case 'hostsFailed': {
      const message = `${event.source}: its list of hosts failed${because(event.error)}. The hosts that are known go on.`
      return { code: 'BACKFILL_HOSTS_FAILED', message }
    }
    case 'hostFailed': {
      const { host, error, retryInMs, restart } = event
      const again = restart ? ' It begins again.' : ` It is tried again in ${seconds(retryInMs ?? 0)}.`
      const next = retryInMs === undefined && !restart ? '' : again
      return { code: 'BACKFILL_FAILED', message: `${host} failed${because(error)}.${next}` }
    }
    case 'repoFailed': {
      const again = event.willRetry ? ' It is asked for again when all hosts are read.' : ''
      const message = `${event.host}: the repo ${event.did} could not be read${because(event.error)}.${again}`
      return { code: 'BACKFILL_REPO_FAILED', message }
    }
    case 'repoCut': {
      const { host, did, leftOut } = event
      const message = `${host}: the repo ${did} has too many collections; ${leftOut} of them are not in the index.`
      return { code: 'BACKFILL_REPO_CUT', message }
    }
    case 'repo': {
      if (event.leftOut === undefined) return undefined
      const { host, did, leftOut } = event
      const message = `${host}: the repo ${did} has too many collections; ${leftOut} of them are not in the index.`
      return { code: 'BACKFILL_REPO_CUT', message }
    }
    case 'storeUnavailable': {
      const again = `The run waits for it and tries again in ${seconds(event.waitMs)}.`
      const message = `The store cannot be used${because(event.error)}. ${again}`
      return { code: 'BACKFILL_STORE_UNAVAILABLE', message }
    }
  }
  return undefined
}

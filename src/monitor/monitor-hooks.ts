import type { CollectionProgress } from '../contracts/progress-store.ts'
import { describe } from '../errors.ts'
import type { MonitorParts } from './monitor-parts.ts'
import type { MonitorHooks } from './snapshot.ts'

export function monitorHooks(parts: MonitorParts): MonitorHooks {
  const { now, tally, failures, throughput, counts } = parts
  return {
    ...walkHooks(parts),
    discovered({ collections }) {
      // To register them has every collection of the relay tried again that was given up.
      for (const { collection, state } of tally.rows()) {
        if (state === 'failed') tally.change(collection, { state: 'pending', attempts: 0 })
      }
      for (const { nsid, estimatedRepos = tally.row(nsid)?.estimatedRepos } of collections) {
        tally.change(nsid, { estimatedRepos })
      }
    },
    sourceFailed({ name, error }) {
      failures.add({ at: now(), kind: 'source', subject: name, message: describe(error) })
    },
    retry({ relay, collection = relay, attempt, waitMs, error }) {
      counts.retries += 1
      parts.lastRetry = { at: now(), subject: collection, message: describe(error), attempt, waitMs }
    },
    requested({ error }) {
      counts.requests += 1
      if (error !== undefined) counts.failedRequests += 1
      throughput.add(now(), { requests: 1 })
    },
    storeUnavailable({ error, waitMs }) {
      failures.add({ at: now(), kind: 'store', message: describe(error), retryInMs: waitMs })
    },
  }
}

function walkHooks(
  parts: MonitorParts,
): Pick<MonitorHooks, 'collectionStarted' | 'collectionCompleted' | 'collectionFailed' | 'claimLost'> {
  const { now, tally, walks, failures } = parts
  return {
    collectionStarted({ collection, cursor, pages, imported }) {
      parts.begun = true
      // A walk that begins has no invalid entry yet; one that goes on keeps what the store said.
      const invalid = pages === 0 ? 0 : (tally.row(collection)?.invalid ?? 0)
      const walk = {
        state: 'running',
        cursor,
        pages,
        imported,
        invalid,
        completedAt: undefined,
      } as const
      tally.change(collection, walk)
      walks.start({ collection, imported, estimatedRepos: tally.row(collection)?.estimatedRepos })
    },
    collectionCompleted({ collection, imported }) {
      // The sums come with the page event; the place is free from now on, and the next walk may begin before the event.
      walks.progress(collection, imported, true)
    },
    collectionFailed({ collection, error, attempts, retryInMs, restart }) {
      const message = describe(error)
      const again = restart || retryInMs !== undefined
      const fresh: Partial<CollectionProgress> = restart
        ? { cursor: undefined, pages: 0, imported: 0, invalid: 0 }
        : {}
      tally.change(collection, {
        state: again ? 'pending' : 'failed',
        attempts,
        lastError: message,
        ...fresh,
      })
      walks.end(collection)
      const retry = again ? (retryInMs ?? 0) : undefined
      failures.add({ at: now(), kind: 'collection', subject: collection, message, retryInMs: retry })
    },
    claimLost({ collection, error }) {
      tally.change(collection, { state: 'running' })
      walks.end(collection)
      failures.add({ at: now(), kind: 'claim-lost', subject: collection, message: describe(error) })
    },
  }
}

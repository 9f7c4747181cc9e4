import type { CrawlStatus, HostProgress, HostState } from '../contracts/crawl-events.ts'
import type { CollectionProgress } from '../contracts/progress-store.ts'
import { isHostRow } from './crawl-scopes.ts'
import { isLeftOut } from './left-out.ts'

/** How far a crawl is, by the rows of a progress store; those of other work are passed over. */
export function crawlStatusOf(rows: readonly CollectionProgress[]): CrawlStatus {
  const hosts = rows
    .filter(isHostRow)
    .map(hostProgressOf)
    .sort((a, b) => (a.host < b.host ? -1 : 1))
  const inState = (state: HostState) => hosts.filter((host) => host.state === state).length
  return {
    total: hosts.length,
    complete: inState('complete'),
    running: inState('running'),
    pending: inState('pending'),
    failed: inState('failed'),
    leftOut: inState('leftOut'),
    repos: hosts.reduce((sum, { repos }) => sum + repos, 0),
    hosts,
  }
}

function hostProgressOf(row: CollectionProgress): HostProgress {
  const { collection, state, pages, imported, estimatedRepos, attempts, lastError, flags } = row
  const { completedAt, retryInMs } = row
  return {
    host: collection,
    state: isLeftOut(row) ? 'leftOut' : state,
    pages,
    repos: imported,
    accounts: estimatedRepos,
    attempts,
    lastError,
    flags,
    completedAt,
    retryInMs,
  }
}

/** About how many repos a host has, for how far a crawl is: of one that is complete, those that it listed. */
export function expectedRepos({ state, accounts = 0, repos }: HostProgress): number {
  return state === 'complete' ? repos : Math.max(accounts, repos)
}

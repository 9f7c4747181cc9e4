import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { CrawlStatus, HostProgress, HostState } from '../contracts/crawl-events.ts'
import { workSubjectOf } from '../util/scopes.ts'
import { FAILED_REPOS, isGroup, isHostRow } from './crawl-scopes.ts'
import { failedReposFrom } from './failed-repos.ts'
import { isRetired } from './host-rows.ts'
import { isLeftOut } from './left-out.ts'

/** How far a crawl is, by the rows of a progress store; those of other work are passed over. */
export function crawlStatusOf(rows: readonly CollectionProgress[]): CrawlStatus {
  const failed = failedByHost(rows)
  const hostRows = rows.filter(isHostRow)
  const live = new Set(hostRows.filter((row) => !isRetired(row)).map(({ collection }) => collection))
  const hosts = hostRows
    .filter((row) => !isRetired(row) || !live.has(row.collection))
    .map((row) => hostProgressOf(row, failed.get(row.collection) ?? 0))
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
    failedRepos: [...failed.values()].reduce((sum, repos) => sum + repos, 0),
    hosts,
  }
}

/** How many repos of each host failed and are asked for once more, in whatever rows: its group may have changed. */
function failedByHost(rows: readonly CollectionProgress[]): ReadonlyMap<string, number> {
  const kept = rows.filter(({ relay }) => relay === FAILED_REPOS)
  const lines = kept.flatMap(({ cursor }) => [...failedReposFrom(cursor)])
  const byHost = Map.groupBy(lines, ([host]) => host)
  return new Map(
    Array.from(byHost, ([host, of]) => [host, new Set(of.flatMap(([, dids]) => dids)).size] as const),
  )
}

function hostProgressOf(row: CollectionProgress, failedRepos: number): HostProgress {
  const { collection, state, pages, imported, estimatedRepos, attempts, lastError, flags } = row
  const { completedAt, retryInMs } = row
  const group = workSubjectOf(row.relay)
  return {
    host: collection,
    ...(isGroup(group) && { group }),
    state: isLeftOut(row) ? 'leftOut' : state,
    pages,
    repos: imported,
    accounts: estimatedRepos,
    attempts,
    lastError,
    flags,
    failedRepos,
    completedAt,
    retryInMs,
  }
}

/** About how many repos a host has, for how far a crawl is: of one that is complete, those that it listed. */
export function expectedRepos({ state, accounts = 0, repos }: HostProgress): number {
  return state === 'complete' ? repos : Math.max(accounts, repos)
}

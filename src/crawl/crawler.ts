import type { CrawlStatus, CrawlSummary, HostPageEvent } from '../contracts/crawl-events.ts'
import type { HostFailure } from '../contracts/run-failures.ts'
import { IncompleteError } from '../errors.ts'
import { createClaimQueue } from '../run/claim-queue.ts'
import { guardListener } from '../run/listener.ts'
import { createPatience, patientStore } from '../run/patient-store.ts'
import { MAX_ROUNDS, startRun } from '../run/start-run.ts'
import type { WorkerPool } from '../run/worker-pool.ts'
import { createController } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import type { Run } from '../util/run-iterator.ts'
import { guardConnections } from './connection-guard.ts'
import { type CrawlOptions, type CrawlSettings, crawlSettingsOf } from './crawl-options.ts'
import { FAILED_REPOS, HOSTS, isGroup } from './crawl-scopes.ts'
import { crawlStatusOf } from './crawl-status.ts'
import { countCrawl } from './crawl-summary.ts'
import { groupWork } from './group-work.ts'
import { asCrawlEvents, type EmitCrawl } from './host-events.ts'
import { createHostPool } from './host-pool.ts'
import { listHostRows } from './host-rows.ts'
import { hostWork } from './host-work.ts'
import type { HostWorkParts } from './host-work-parts.ts'
import { registerHosts, reopenGroups } from './known-hosts.ts'
import { repoRetryWork } from './retry-repos.ts'

// One crawl, from the top: ask the sources for hosts and register them (known-hosts); let the workers claim hosts, and
// groups of hosts that share a limit, until nothing is left (host-pool, host-work, group-work); ask once more for the
// repos that failed (failed-repos, retry-repos); look once more, and go another round if there is new work (`isOver`). A host is walked as a collection is (run/walk): each page of its list
// is completed by what each repo on it holds (page-repos), then committed.
//
// Who repeats what is as in run/backfiller, and besides:
//
// | what failed                                | is repeated by        | how often, and how long apart               |
// | ------------------------------------------ | --------------------- | ------------------------------------------- |
// | a repo whose host answers for others       | ask-repo              | twice; then it is kept, and told            |
// | a repo that is kept                        | retry-repos           | once, when all hosts are walked; then by the |
// |                                            |                       | next crawl, once                            |
// | a repo whose host does not answer          | ask-repo              | `retry.retries`, then the host has failed   |
// | a host                                     | run/failure-policy    | `maxAttempts`, `setAsideMs` apart           |

/**
 * One crawl, as an async iterator of durable pages. Nothing starts before the first `next()`.
 *
 * There is one way to stop: leave the loop, or abort the signal. Both abort what is under way, release the claims and
 * settle within a second. If the loop finishes without throwing, every host that is registered is complete, or was left
 * out for a reason that was told. It is one run: iterated a second time, it throws.
 */
export interface Crawler extends Run<HostPageEvent, CrawlSummary> {
  /** What this run has done in this process, up to date at any time. */
  readonly summary: CrawlSummary
  /** How far the crawl is, over all runs and workers, at any time: read from the progress store. */
  status(): Promise<CrawlStatus>
}

/**
 * Reads from the hosts themselves what no relay lists: walks each host's `listRepos`, asks `describeRepo` for each active
 * repo, and adds its (collection, DID) pairs to the store, a page at a time, with the cursor behind it. Another crawl,
 * after a crash or beside this one, goes on from there.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `IncompleteError` at the end when hosts
 * failed; `DiscoveryError` when no host is known; what a store cannot recover from, what the listener throws, the
 * signal's reason when that aborts.
 */
export function createCrawler(options: CrawlOptions): Crawler {
  const settings = crawlSettingsOf(options)
  const stop = createController()
  const listen = guardListener(settings.onEvent, stop)
  const counts = countCrawl()
  const emit: EmitCrawl = (event) => {
    counts.count(event)
    listen(event)
  }
  const run = startRun(() => crawl(settings, stop, emit), { signal: settings.signal, stop, counts })
  return Object.assign(run, { status: () => readStatus(settings) })
}

async function* crawl(
  settings: CrawlSettings,
  stop: AbortController,
  emit: EmitCrawl,
): AsyncGenerator<HostPageEvent, void, void> {
  const parts = partsOf(settings, stop, emit)
  const pool = poolOf(parts)
  // A fetch of the caller's own may reach hosts by other ways.
  const endGuard = settings.isOwnFetch ? guardConnections(settings.rules.isGuarded) : () => {}
  try {
    await registerHosts(parts)
    for (let round = 1; ; round += 1) {
      const workers = Array.from({ length: parts.concurrency }, () => pool.work())
      yield* merge(workers, stop)
      yield* retryRepos(parts)
      if (await isOver(parts, round === MAX_ROUNDS)) return
    }
  } finally {
    endGuard()
  }
}

function partsOf(settings: CrawlSettings, stop: AbortController, emit: EmitCrawl): HostWorkParts {
  const { signal } = stop
  const { storeTimeoutMs, retry } = settings
  const shared = { relay: HOSTS, signal, emit: asCrawlEvents(emit) }
  const patience = createPatience({ ...shared, timeoutMs: storeTimeoutMs })
  const progress = patientStore(settings.progress, { ...shared, retry, patience })
  return { ...settings, progress, patience, signal, stop, emit }
}

function poolOf(parts: HostWorkParts): WorkerPool<HostPageEvent> {
  const { progress, leaseMs, signal, emit } = parts
  const queue = createClaimQueue({ relay: HOSTS, progress, leaseMs, signal, emit: asCrawlEvents(emit) })
  return createHostPool(parts, queue, (claim) => {
    return isGroup(claim.collection) ? groupWork(claim, parts) : hostWork(claim, parts)
  })
}

/** Asks once more for the repos that failed. Those that fail again wait for the next crawl. */
async function* retryRepos(parts: HostWorkParts): AsyncGenerator<HostPageEvent, void, void> {
  const { progress, leaseMs, signal, stop, emit, concurrency } = parts
  const { collections } = await progress.remaining(FAILED_REPOS)
  if (collections === 0) return
  const told = asCrawlEvents(emit)
  const queue = createClaimQueue({ relay: FAILED_REPOS, progress, leaseMs, signal, emit: told })
  // One attempt for what fails otherwise, too: no host waits for it.
  const pool = createHostPool({ ...parts, maxAttempts: 1 }, queue, (claim) => repoRetryWork(claim, parts))
  const workers = Array.from({ length: Math.min(collections, concurrency) }, () => pool.work())
  yield* merge(workers, stop)
}

/**
 * Whether everything is complete, once the workers found nothing more to do. Another run may have registered more in the
 * meantime.
 *
 * @throws IncompleteError when it is over and hosts are not complete
 */
async function isOver(parts: HostWorkParts, isLastRound: boolean): Promise<boolean> {
  const isReopened = await reopenGroups(parts)
  const { progress } = parts
  const { collections } = await progress.remaining(HOSTS)
  if (!isLastRound && (isReopened || collections > 0)) return false
  const { hosts } = await readStatus({ ...parts, progress })
  const failures: HostFailure[] = hosts
    .filter(({ state }) => state !== 'complete' && state !== 'leftOut')
    .map(({ host, attempts, lastError = 'not tried' }) => ({ host, attempts, lastError }))
  if (failures.length > 0) throw new IncompleteError([], [], failures)
  return true
}

async function readStatus({
  progress,
  groups,
}: Pick<CrawlSettings, 'progress' | 'groups'>): Promise<CrawlStatus> {
  const [rows, failed] = await Promise.all([
    listHostRows({ progress, groups }),
    progress.list({ relay: FAILED_REPOS }),
  ])
  return crawlStatusOf([...rows, ...failed])
}

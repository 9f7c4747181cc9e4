import type { OpenedStore } from '../../contracts/opened-store.ts'
import type { PruneRefusedError } from '../../errors.ts'
import type { PruneSummary } from '../../prune/prune-summary.ts'
import type { CollectionFilter } from '../../sources/collection-filter.ts'
import { count, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import { type Database, nameOf } from '../database.ts'
import type { Relay } from '../relay-options.ts'
import { backlogState, createBacklog } from './backlog.ts'
import type { BacklogRuns, WatchedBacklogs } from './backlog-runs.ts'
import type { FeedFollower } from './feed-follower.ts'
import { pruneWhenDue } from './pruning.ts'
import type { RecurringWork } from './recurring.ts'
import { lookUpRepos } from './repo-look-ups.ts'
import { filteredRows, filteredStore } from './serve-filter.ts'
import { PRUNE_MS, REFRESH_MS, type ServeOptions } from './serve-options.ts'
import type { ServeReport } from './serve-report.ts'

/** The pauses after failures, in milliseconds: of what is done all the time, and of what is done now and then. */
const SOON = { least: 1_000, most: 5 * 60_000 }
const LATER = { least: 3_600_000, most: 24 * 3_600_000 }

interface WorkParts {
  readonly options: ServeOptions
  readonly database: Database
  readonly relays: readonly Relay[]
  readonly store: OpenedStore
  readonly filter: CollectionFilter
  readonly backlogs: WatchedBacklogs
  readonly runs: BacklogRuns
  readonly feed: FeedFollower
  readonly report: ServeReport
}

/** What a service keeps doing, as far as its options want it. */
export function serviceWorks(parts: WorkParts): RecurringWork[] {
  const { options, feed } = parts
  return [
    ...(feed.figures.role === 'off' ? [] : feedWorks(parts)),
    ...(options.backlog === false ? [] : backlogWorks(parts)),
    ...(options.prune === false ? [] : [pruneWork(parts)]),
  ]
}

function feedWorks({ options, store, filter, feed, report }: WorkParts): RecurringWork[] {
  const fedStore = filteredStore(store, filter)
  const lookUps = {
    isFollowing: () => feed.figures.role === 'following',
    plc: options.plc,
    allowHosts: options.allow,
    onLookedUp: (repos: number, failed: number) => report.tell('look-ups', lookedUpText(repos, failed)),
  }
  return [
    {
      work: async (until) => feed.follow(await fedStore(until), report, until),
      onFailure: (error, waitMs) => report.fail('feed', error, waitMs),
      pauseMs: SOON,
    },
    {
      work: async (until) => lookUpRepos({ ...lookUps, store: await fedStore(until) }, until),
      onFailure: (error, waitMs) => report.fail('look-ups', error, waitMs),
      pauseMs: SOON,
    },
  ]
}

function backlogWorks({
  options,
  relays,
  store,
  filter,
  backlogs,
  runs,
  feed,
  report,
}: WorkParts): RecurringWork[] {
  const refreshMs = options.refresh ?? REFRESH_MS
  return relays.map(({ relay }): RecurringWork => {
    const work = createBacklog({
      relay,
      progress: filteredRows(store, filter),
      refreshMs,
      followedSince: (until) => feed.followedSince(store, until),
      run: (refresh) => runs.run(relay, refresh),
      onLook: (rows) => void backlogs.monitor(relay).refresh(async () => [...rows]),
    })
    return { work, onFailure: (error, waitMs) => report.fail(relay, error, waitMs), pauseMs: SOON }
  })
}

function pruneWork({ options, database, relays, store, backlogs, report }: WorkParts): RecurringWork {
  const relay = relays[0]?.relay ?? ''
  const pruning = {
    relay,
    store,
    everyMs: options.prune || PRUNE_MS,
    isImported: () => backlogState(backlogs.monitor(relay).collections()) !== 'waiting',
    onEvent: report.handle,
    onPruned: (summary: PruneSummary) => report.tell('prune', prunedText(summary)),
    onRefused: (error: PruneRefusedError) => {
      report.fail('prune', error)
      report.tell('prune', refusedText(error, nameOf(database)))
    },
  }
  return {
    work: (until) => pruneWhenDue(pruning, until),
    onFailure: (error, waitMs) => report.fail('prune', error, waitMs),
    pauseMs: LATER,
  }
}

function lookedUpText(repos: number, failed: number): string {
  const lost = failed === 0 ? '' : `, ${count(failed)} of them without an answer`
  return `${plural(repos, 'repo')} looked up at their hosts${lost}`
}

/** What an operator does then: the service has no terminal to ask on. */
function refusedText({ refusal }: PruneRefusedError, database: string): string {
  return (
    `is not done until a person has looked at it: run prune --relay ${printable(refusal.relay)} on ${database}, which asks ` +
    'before it removes anything; or turn it off with --no-prune'
  )
}

function prunedText({ removed, outcome }: PruneSummary): string {
  if (outcome === 'elsewhere') return 'another process has pruned'
  return `${plural(removed, 'pair')} of accounts that are gone removed`
}

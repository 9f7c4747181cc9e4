import type { CrawlEvent, CrawlStatus, HostProgress } from '../contracts/crawl-events.ts'
import { expectedRepos } from '../crawl/crawl-status.ts'
import { createCrawlTimeLeft } from './crawl-time-left.ts'

/** How often the store is asked how far all runs are, in milliseconds. */
const REFRESH_MS = 10_000
/** Over how long a speed is taken, in milliseconds. */
const SPEED_MS = 10_000

const UNKNOWN = { pages: 0, repos: 0, attempts: 0, flags: [], failedRepos: 0 } as const

/** Hosts by their state, and their repos. */
export type CrawlTotals = Omit<CrawlStatus, 'hosts'>

/** What is shown of a crawl. */
export interface CrawlFigures {
  /** As the store has it, with what this run has committed since. */
  readonly status: CrawlTotals
  /** Hosts that this run asks. */
  readonly active: readonly Pick<HostProgress, 'host' | 'repos' | 'accounts'>[]
  readonly setAside: number
  /** About how many accounts all hosts have. */
  readonly accounts: number
  readonly pairs: number
  readonly added: number
  readonly failedRepos: number
  readonly requestsPerSecond: number
  /** About how long it takes yet, in milliseconds. Absent where that is not known. */
  readonly timeLeftMs: number | undefined
}

/** Keeps what is shown of a crawl up to date. */
export interface CrawlView {
  handle(event: CrawlEvent): void
  /** Takes what the store holds. */
  take(this: void, status: CrawlStatus): void
  /** Reads the store now and then. @returns what ends it */
  keepFresh(refresh: () => Promise<void>): () => void
  figures(): CrawlFigures
}

export function createCrawlView(): CrawlView {
  const hosts = new Map<string, HostProgress>()
  const active = new Set<string>()
  /** The repos of the page that each host is asked for now. */
  const inPage = new Map<string, number>()
  const sums = { pairs: 0, added: 0, failedRepos: 0 }
  const timeLeft = createCrawlTimeLeft()
  /** Accounts on the pages of this run: how many of them are active tells how many repos are left. */
  const listed = { active: 0, inactive: 0 }
  /** Repos that are asked for once more. */
  let toRetry = 0
  const requests = countSpeed()

  function change(host: string, to: Partial<HostProgress>): void {
    const known = hosts.get(host) ?? { host, state: 'pending', ...UNKNOWN }
    hosts.set(host, { ...known, ...to })
  }

  /** No page of the host is asked for any more, or the next one is. */
  function endPage(host: string, isOver: boolean): void {
    inPage.delete(host)
    if (isOver) active.delete(host)
  }

  function activeShare(): number {
    const { active, inactive } = listed
    return active === 0 ? 1 : active / (active + inactive)
  }

  return {
    handle(event) {
      switch (event.type) {
        case 'requested':
          if (event.did !== undefined && event.error === undefined)
            inPage.set(event.host, (inPage.get(event.host) ?? 0) + 1)
          return requests.count()
        case 'hostStarted':
          active.add(event.host)
          return change(event.host, { state: 'running', repos: event.repos, retryInMs: undefined })
        case 'page':
          sums.pairs += event.pairs
          sums.added += event.added ?? 0
          if (event.isRetry) {
            toRetry = Math.max(0, toRetry - event.described - event.absent - event.failed)
            return inPage.delete(event.host)
          }
          listed.active += event.described + event.absent + event.failed
          listed.inactive += event.inactive
          endPage(event.host, event.completed)
          return change(event.host, { repos: event.repos, state: event.completed ? 'complete' : 'running' })
        case 'repoFailed':
          if (event.willRetry) toRetry += 1
          else sums.failedRepos += 1
          return
        case 'hostFailed': {
          const { host, attempts, retryInMs, restart } = event
          endPage(host, true)
          return change(host, {
            attempts,
            retryInMs,
            state: restart || retryInMs !== undefined ? 'pending' : 'failed',
          })
        }
        case 'claimLost':
          endPage(event.host, true)
          return
        case 'hostLeftOut':
          endPage(event.host, true)
          if (hosts.has(event.host)) change(event.host, { state: 'leftOut' })
      }
    },
    take({ hosts: rows }) {
      for (const row of rows) {
        // This run knows better of those that it asks itself.
        if (active.has(row.host)) change(row.host, { accounts: row.accounts, group: row.group })
        else hosts.set(row.host, row)
      }
    },
    keepFresh(refresh) {
      // The crawl itself tells that the store is unavailable.
      const timer = setInterval(() => refresh().catch(() => {}), REFRESH_MS)
      timer.unref()
      return () => clearInterval(timer)
    },
    figures() {
      const rows = [...hosts.values()].filter(({ host }) => !host.includes('*'))
      const inState = (state: HostProgress['state']) => rows.filter((row) => row.state === state).length
      const asked = rows.map((row) => ({ ...row, repos: row.repos + (inPage.get(row.host) ?? 0) }))
      return {
        status: {
          total: rows.length,
          complete: inState('complete'),
          running: inState('running'),
          pending: inState('pending'),
          failed: inState('failed'),
          leftOut: inState('leftOut'),
          repos: rows.reduce((sum, { repos }) => sum + repos, 0),
          failedRepos: toRetry,
        },
        active: asked.filter(({ host }) => active.has(host)),
        setAside: rows.filter(({ retryInMs }) => retryInMs !== undefined).length,
        accounts: rows.reduce((sum, row) => sum + expectedRepos(row), 0),
        ...sums,
        requestsPerSecond: requests.perSecond(),
        timeLeftMs: timeLeft.of(asked, activeShare(), performance.now()),
      }
    },
  }
}

/** How fast something happens, over the last {@link SPEED_MS}. */
function countSpeed(): { count(): void; perSecond(): number } {
  /** How often it happened, by whole seconds. */
  const seconds = new Map<number, number>()
  return {
    count() {
      const second = Math.floor(performance.now() / 1000)
      seconds.set(second, (seconds.get(second) ?? 0) + 1)
      for (const old of seconds.keys()) {
        if (old >= second - SPEED_MS / 1000) break
        seconds.delete(old)
      }
    },
    perSecond() {
      const from = Math.floor((performance.now() - SPEED_MS) / 1000)
      const recent = [...seconds].filter(([second]) => second >= from)
      const [first] = recent
      if (first === undefined) return 0
      const spanMs = Math.max(1000, performance.now() - first[0] * 1000)
      return (recent.reduce((sum, [, times]) => sum + times, 0) * 1000) / spanMs
    },
  }
}

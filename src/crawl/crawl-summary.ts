import type { CrawlEvent, CrawlSummary, RepoFailure } from '../contracts/crawl-events.ts'
import { describe } from '../util/describe.ts'

/** How many of the repos that failed a summary names. */
const MOST_FAILURES = 100

/** The summary of a crawl, as it grows. */
export interface CrawlCounts {
  readonly summary: CrawlSummary
  /** The crawl begins now. */
  begin(): void
  /** Takes an event of the crawl, in its order. */
  count(event: CrawlEvent): void
  /** The crawl is over, in whatever way. */
  end(): void
}

type Sums = { -readonly [Name in keyof CrawlSummary]: CrawlSummary[Name] }

export function countCrawl(): CrawlCounts {
  let began: number | undefined
  let ended: number | undefined
  const failures: RepoFailure[] = []
  /** The invalid entries that each walk under way has told so far. */
  const invalid = new Map<string, number>()
  const none = { completed: 0, leftOut: 0, pages: 0, described: 0, inactive: 0, absent: 0, cut: 0 }
  const summary: Sums = {
    ...none,
    failed: 0,
    failures,
    pairs: 0,
    added: 0,
    invalid: 0,
    requests: 0,
    get durationMs() {
      return began === undefined ? 0 : Math.round((ended ?? performance.now()) - began)
    },
  }

  function countPage(page: Extract<CrawlEvent, { type: 'page' }>): void {
    summary.pages += page.isRetry ? 0 : 1
    summary.completed += page.completed ? 1 : 0
    for (const name of ['described', 'inactive', 'absent', 'cut', 'pairs'] as const)
      summary[name] += page[name]
    summary.added += page.added ?? 0
    if (page.isRetry) return
    summary.invalid += page.invalid - (invalid.get(page.host) ?? 0)
    if (page.completed) invalid.delete(page.host)
    else invalid.set(page.host, page.invalid)
  }

  function countFailure({ host, did, error }: Extract<CrawlEvent, { type: 'repoFailed' }>): void {
    summary.failed += 1
    if (failures.length < MOST_FAILURES) failures.push({ host, did, error: describe(error) })
  }

  return {
    summary,
    begin() {
      began = performance.now()
    },
    count(event) {
      if (event.type === 'page') countPage(event)
      else if (event.type === 'requested') summary.requests += 1
      else if (event.type === 'hostLeftOut') summary.leftOut += 1
      else if (event.type === 'repoFailed' && !event.willRetry) countFailure(event)
    },
    end() {
      ended = performance.now()
    },
  }
}

import { appendFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createCrawler } from '../../crawl/crawler.ts'
import { hostsOf } from '../../crawl/hosts-of.ts'
import { isBackfillError } from '../../errors.ts'
import { type Context, EXIT } from '../context.ts'
import { type CrawlEnd, type CrawlReport, jsonCrawlReport, textCrawlReport } from '../crawl-report.ts'
import { createCrawlView } from '../crawl-view.ts'
import { type Database, nameOf } from '../database.ts'
import { openDatabase } from '../open-database.ts'
import { UsageError } from '../usage-error.ts'

export interface CrawlCommandOptions {
  readonly host?: readonly string[]
  readonly hostsOf?: readonly string[]
  readonly deny?: readonly string[]
  readonly allow?: readonly string[]
  readonly concurrency?: number
  readonly requestsPerSecond?: number
  readonly pageSize?: number
  readonly maxAttempts?: number
  readonly retries?: number
  readonly refreshAfter?: number
  readonly failed?: string
  readonly json?: boolean
}

/** A commit takes milliseconds, and most workers wait for a host: so many of them share a connection. */
const WALKS_PER_CONNECTION = 10

/** Crawls, and shows how it goes. @returns the exit code */
export async function crawl(
  options: CrawlCommandOptions,
  database: Database,
  context: Context,
): Promise<number> {
  const { host = [], hostsOf: relays = [], deny, allow = [], concurrency = 100 } = options
  const { requestsPerSecond, pageSize, maxAttempts, retries, refreshAfter, failed } = options
  const { interruption } = context
  if (host.length + relays.length === 0)
    throw new UsageError('Which hosts? Give --host HOST, or --hosts-of RELAY for those that a relay lists.')
  const view = createCrawlView()
  const report: CrawlReport = options.json ? jsonCrawlReport(view, context) : textCrawlReport(view, context)
  await using store = await openDatabase(database, context, {
    walks: Math.ceil(concurrency / WALKS_PER_CONNECTION) + 1,
  })
  if (failed !== undefined) await writeFile(failed, '')
  const lost = { sources: 0, file: failed }
  const crawler = createCrawler({
    hosts: [...host, ...relays.map((relay) => hostsOf(relay))],
    store,
    ...(deny && { denyHosts: deny }),
    // Who names a host on the command line means it.
    allowHosts: [...allow, ...host.map((name) => name.replace(/^https?:\/\//, '').replace(/\/$/, ''))],
    concurrency,
    requestsPerSecond,
    pageSize,
    maxAttempts,
    retry: retries === undefined ? {} : { retries },
    refreshAfterMs: refreshAfter,
    signal: interruption.signal,
    onEvent(event) {
      view.handle(event)
      report.handle(event)
      if (event.type === 'hostsFailed') lost.sources += 1
      // At once, and in their order: a crash must not lose them.
      if (event.type === 'repoFailed' && !event.willRetry && failed !== undefined)
        appendFileSync(failed, `${event.did}\n`)
      // Their sizes are in the store now. That it is unavailable, the crawl itself tells.
      if (event.type === 'hosts') refresh().catch(() => {})
    },
  })
  const refresh = () => crawler.status().then(view.take)
  await refresh()
  report.begin({ relays, database: nameOf(database) })
  const stop = view.keepFresh(refresh)
  try {
    const end = await follow(crawler, interruption, lost)
    stop()
    if (end.outcome !== 'interrupted') await refresh()
    report.end(end)
    return end.exitCode
  } catch (error) {
    stop()
    report.end({ outcome: 'failed', exitCode: EXIT.incomplete, error })
    throw error
  }
}

async function follow(
  crawler: ReturnType<typeof createCrawler>,
  interruption: Context['interruption'],
  lost: { readonly sources: number; readonly file: string | undefined },
): Promise<CrawlEnd> {
  const { summary } = crawler
  try {
    await crawler.run()
    if (summary.failed === 0 && lost.sources === 0)
      return { outcome: 'complete', exitCode: EXIT.complete, summary }
    return { ...lost, outcome: 'incomplete', exitCode: EXIT.incomplete, summary, failures: [] }
  } catch (error) {
    const { signal, exitCode } = interruption
    if (signal.aborted) return { outcome: 'interrupted', exitCode, summary }
    if (!isBackfillError(error, 'INCOMPLETE')) throw error
    return { ...lost, outcome: 'incomplete', exitCode: EXIT.incomplete, summary, failures: error.hosts }
  }
}

import type { BackfillEvent } from '../../contracts/events.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import { collectionFilter, type FilterOptions } from '../../sources/collection-filter.ts'
import { plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { RepairMode } from '../../verify/repair.ts'
import { verify } from '../../verify/verification.ts'
import {
  type CollectionReport,
  countReport,
  emptySummary,
  type VerificationSummary,
} from '../../verify/verification-report.ts'
import { type RelayOptions, type RequestOptions, SAMPLES } from '../command-options.ts'
import { brokenEnd, type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { guardedIndex } from '../guarded-index.ts'
import { openExisting } from '../open-database.ts'
import { canAsk } from '../question.ts'
import { type Relay, relaysOf } from '../relay-options.ts'
import { UsageError } from '../usage-error.ts'
import { jsonVerifyReport, textVerifyReport, type VerifyReport } from '../verify-report.ts'
import { type JudgedEnd, type VerifyWork, verifyWorkFor } from '../verify-work.ts'
import { watchedLister } from '../watched-lister.ts'

export interface VerifyOptions extends RelayOptions, FilterOptions, RequestOptions {
  readonly collection?: readonly string[]
  readonly samples?: number
  /** Without a value: both. */
  readonly repair?: RepairMode | true
  readonly yes?: boolean
  readonly json?: boolean
}

/** Compares the index with what relays list now, collection by collection, and mends it. @returns the exit code */
export async function verifyIndex(
  options: VerifyOptions,
  database: Database,
  context: Context,
): Promise<number> {
  const { interruption } = context
  const relays = relaysOf(options)
  const repair = options.repair === true ? 'both' : options.repair
  const asksFirst = removes(repair) && options.yes !== true
  if (asksFirst && (options.json === true || !canAsk(context))) throw new UsageError(NO_TERMINAL)
  const report: VerifyReport = options.json
    ? jsonVerifyReport(relays, context)
    : textVerifyReport(relays, context)
  try {
    const parts: Parts = { relays, options, repair, asksFirst, report, signal: interruption.signal }
    const end = await verifyAll(database, parts)
    return end.exitCode
  } catch (error) {
    report.end(brokenEnd(error, interruption))
    throw error
  }
}

const NO_TERMINAL =
  '--repair removes what is surplus, and there is no terminal to ask on whether it may. Add --yes to have it removed ' +
  'without a question, or take --repair add, which only adds.'

function removes(repair: RepairMode | undefined): boolean {
  return repair === 'remove' || repair === 'both'
}

interface Parts {
  readonly relays: readonly Relay[]
  readonly options: VerifyOptions
  readonly repair: RepairMode | undefined
  /** Whether everything is compared before the first repair, and the user asked. */
  readonly asksFirst: boolean
  readonly report: VerifyReport
  readonly signal: AbortSignal
  /** How many surplus pairs of each collection the question counted, once it was answered. */
  readonly told?: ReadonlyMap<string, number>
}

/** @returns how it ended, once that is told */
async function verifyAll(database: Database, parts: Parts): Promise<JudgedEnd> {
  const { relays, options, repair, report, signal } = parts
  await using store = await openExisting(database, { signal })
  const names = relays.map(({ relay }) => relay)
  const work = await verifyWorkFor(names, store, options.collection, collectionFilter(options))
  const { unmatched } = work
  report.begin({ relays: names, database: nameOf(database), ...(unmatched.length > 0 && { unmatched }) })
  if (removes(repair) && work.otherRelays.length > 0) report.otherRelays(work.otherRelays)
  if (work.crawledHosts > 0) report.crawledHosts(work.crawledHosts)
  const end = endOf(await compareAndRepair(work, store, parts), work)
  // Before the database is closed, which may take a moment.
  report.end(end)
  return end
}

function endOf(compared: readonly Compared[], { unsettled, leftOut }: VerifyWork): JudgedEnd {
  const summary = summaryOf(compared)
  const relays: [VerificationSummary] = [summary]
  const told = { unsettled, leftOut, relays }
  const left = compared.reduce(
    (sum, { reports, repair }) => sum + leftBehind(reports, repair),
    summary.failed,
  )
  if (left > 0) return { outcome: 'different', exitCode: EXIT.incomplete, ...told }
  if (unsettled.length > 0) return { outcome: 'incomplete', exitCode: EXIT.incomplete, ...told }
  const outcome = summary.onlyThere + summary.onlyHere > 0 ? 'repaired' : 'equal'
  return { outcome, exitCode: EXIT.complete, ...told }
}

/** Pairs that differ still, after a repair. */
function leftBehind(reports: readonly CollectionReport[], repair: RepairMode | undefined): number {
  const missing = repair === 'add' || repair === 'both' ? 0 : 1
  const surplus = removes(repair) ? 0 : 1
  return reports.reduce((sum, { differences }) => {
    const { onlyThere = 0, onlyHere = 0 } = differences ?? {}
    return sum + missing * onlyThere + surplus * onlyHere
  }, 0)
}

/** Repairs on the way, or compares everything, asks, and then repairs what differs. */
async function compareAndRepair(
  { collections }: VerifyWork,
  store: OpenedStore,
  parts: Parts,
): Promise<Compared[]> {
  const { repair, asksFirst, report } = parts
  const first = await compare(collections, store, parts, asksFirst ? undefined : repair)
  const { reports } = first
  const surplus = asksFirst ? reports.filter(({ differences }) => differences?.onlyHere) : []
  if (surplus.length > 0 && !(await report.confirm(questionOf(surplus, parts)))) return [first]
  // What the question did not tell of is not removed, whatever the relay lists by now.
  const missing = asksFirst && repair === 'both' ? reports.filter(onlyLacks) : []
  const told = new Map(surplus.map(({ collection, differences }) => [collection, differences?.onlyHere ?? 0]))
  const asked = { ...parts, told }
  const again = async (which: readonly CollectionReport[], how: RepairMode | undefined) => {
    if (which.length === 0) return []
    const names = which.map(({ collection }): [string, number] => [
      collection,
      collections.get(collection) ?? 0,
    ])
    return [await compare(new Map(names), store, asked, how)]
  }
  const repaired = [...(await again(surplus, repair)), ...(await again(missing, 'add'))]
  const rest = reports.filter((report) => !surplus.includes(report) && !missing.includes(report))
  return [{ ...first, reports: rest }, ...repaired]
}

function onlyLacks({ differences }: CollectionReport): boolean {
  return differences !== undefined && differences.onlyThere > 0 && differences.onlyHere === 0
}

function questionOf(surplus: readonly CollectionReport[], { relays }: Parts): string {
  const pairs = surplus.reduce((sum, { differences }) => sum + (differences?.onlyHere ?? 0), 0)
  const what = `${plural(pairs, 'pair')} of ${plural(surplus.length, 'collection')} from the index`
  const whom = printable(relays.map(({ relay }) => relay).join(' and '))
  return `Remove ${what}, which ${whom} ${relays.length === 1 ? 'does' : 'do'} not list?`
}

/** What one verification found, how it repaired that, and how long it took. */
interface Compared {
  readonly reports: readonly CollectionReport[]
  readonly repair: RepairMode | undefined
  readonly summary: VerificationSummary
}

function summaryOf(verifications: readonly Compared[]): VerificationSummary {
  const sum = emptySummary(verifications[0]?.summary.relay ?? '')
  for (const { reports, summary } of verifications) {
    for (const report of reports) countReport(sum, report)
    sum.cost.durationMs += summary.cost.durationMs
  }
  return sum
}

async function compare(
  collections: ReadonlyMap<string, number>,
  store: OpenedStore,
  { relays, options, report, signal, told }: Parts,
  repair: RepairMode | undefined,
): Promise<Compared> {
  const handle = (event: BackfillEvent) => {
    const meant = relays.filter(({ relay }) => relay === event.relay)
    // What concerns the index concerns all of them.
    for (const { monitor } of meant.length > 0 ? meant : relays) monitor.handle(event)
    report.handle(event)
  }
  const known = [...collections].map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))
  for (const { relay, monitor } of relays)
    monitor.handle({ type: 'discovered', relay, collections: known, sources: [] })
  const verification = verify({
    relay: relays.map((relay) => watchedLister(relay, report.page)),
    index: told === undefined ? store.index : guardedIndex(store.index, told),
    sink: store.sink,
    repair,
    collections: [...collections.keys()],
    samples: options.samples ?? SAMPLES,
    retry: options.retries === undefined ? {} : { retries: options.retries },
    signal,
    onEvent: handle,
  })
  const reports: CollectionReport[] = []
  for await (const found of verification) {
    const { relay, collection, error } = found
    if (error !== undefined)
      handle({ type: 'collectionFailed', relay, collection, error, attempts: 1, restart: false })
    report.compared(found)
    reports.push(found)
  }
  return { reports, repair, summary: verification.summary }
}

import type { BackfillEvent } from '../../contracts/events.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import type { RepoLister } from '../../contracts/repo-lister.ts'
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
import type { RelayOptions, RequestOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf, openExisting } from '../database.ts'
import { canAsk } from '../question.ts'
import { type Relay, relaysOf } from '../relay-options.ts'
import { UsageError } from '../usage-error.ts'
import { jsonVerifyReport, textVerifyReport, type VerifyReport } from '../verify-report.ts'
import { type JudgedEnd, type VerifyWork, verifyWorkFor } from '../verify-work.ts'

export interface VerifyOptions extends RelayOptions, RequestOptions {
  readonly collection?: readonly string[]
  readonly samples?: number
  /** Without a value: both. */
  readonly repair?: RepairMode | true
  readonly yes?: boolean
  readonly json?: boolean
}

/** DIDs of each kind that are shown of a collection that differs. */
const SAMPLES = 3

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
    const { aborted } = interruption.signal
    const exitCode = aborted ? interruption.exitCode : EXIT.incomplete
    report.end(aborted ? { outcome: 'interrupted', exitCode } : { outcome: 'failed', exitCode, error })
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
}

/** @returns how it ended, once that is told */
async function verifyAll(database: Database, parts: Parts): Promise<JudgedEnd> {
  const { relays, options, repair, report, signal } = parts
  await using store = await openExisting(database, { signal })
  const names = relays.map(({ relay }) => relay)
  const work = await verifyWorkFor(names, store, options.collection)
  report.begin({ relays: names, database: nameOf(database) })
  if (removes(repair) && work.otherRelays.length > 0) report.otherRelays(work.otherRelays)
  const { summary, isRepaired } = await compareAndRepair(work, store, parts)
  const end = endOf(summary, work, isRepaired ? repair : undefined)
  // Before the database is closed, which may take a moment.
  report.end(end)
  return end
}

/** @param repair what was repaired, and so does not differ any more */
function endOf(summary: VerificationSummary, work: VerifyWork, repair: RepairMode | undefined): JudgedEnd {
  const { failed, onlyThere, onlyHere } = summary
  const missing = repair === 'add' || repair === 'both' ? 0 : onlyThere
  const surplus = removes(repair) ? 0 : onlyHere
  const { unsettled, leftOut } = work
  const relays: [VerificationSummary] = [summary]
  const told = { unsettled, leftOut, relays }
  if (failed + missing + surplus > 0) return { outcome: 'different', exitCode: EXIT.incomplete, ...told }
  if (unsettled.length > 0) return { outcome: 'incomplete', exitCode: EXIT.incomplete, ...told }
  const outcome = onlyThere + onlyHere > 0 ? 'repaired' : 'equal'
  return { outcome, exitCode: EXIT.complete, ...told }
}

/** Repairs on the way, or compares everything, asks, and then repairs what differs. */
async function compareAndRepair(
  { collections }: VerifyWork,
  store: OpenedStore,
  parts: Parts,
): Promise<{ summary: VerificationSummary; isRepaired: boolean }> {
  const { repair, asksFirst, report } = parts
  const first = await compare(collections, store, parts, asksFirst ? undefined : repair)
  if (!asksFirst) return { summary: summaryOf(first), isRepaired: true }
  const differing = first.reports.filter(differs)
  const surplus = differing.reduce((sum, { differences }) => sum + (differences?.onlyHere ?? 0), 0)
  if (differing.length === 0) return { summary: summaryOf(first), isRepaired: true }
  const question = questionOf(
    surplus,
    differing.filter(({ differences }) => differences?.onlyHere).length,
    parts,
  )
  if (surplus > 0 && !(await report.confirm(question)))
    return { summary: summaryOf(first), isRepaired: false }
  const wanted = new Map(differing.map(({ collection }) => [collection, collections.get(collection) ?? 0]))
  const second = await compare(wanted, store, parts, repair)
  const equal = { ...first, reports: first.reports.filter((report) => !differs(report)) }
  return { summary: summaryOf(equal, second), isRepaired: true }
}

function differs({ differences }: CollectionReport): boolean {
  return differences !== undefined && differences.onlyThere + differences.onlyHere > 0
}

function questionOf(surplus: number, collections: number, { relays }: Parts): string {
  const what = `${plural(surplus, 'pair')} of ${plural(collections, 'collection')} from the index`
  const whom = printable(relays.map(({ relay }) => relay).join(' and '))
  return `Remove ${what}, which ${whom} ${relays.length === 1 ? 'does' : 'do'} not list?`
}

/** What one verification found, and how long it took. */
interface Compared {
  readonly reports: readonly CollectionReport[]
  readonly summary: VerificationSummary
}

function summaryOf(...verifications: readonly Compared[]): VerificationSummary {
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
  { relays, options, report, signal }: Parts,
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
    relay: relays.map((relay) => watched(relay, report)),
    index: store.index,
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
  return { reports, summary: verification.summary }
}

/** The relay's lister, whose pages the monitor sees as those of a run: a comparison is a walk like any other. */
function watched({ relay, lister, monitor }: Relay, report: VerifyReport): RepoLister {
  const walks = new Map<string, { pages: number; imported: number; invalid: number }>()
  const begin = { pages: 0, imported: 0, invalid: 0 }
  return {
    ...lister,
    async listRepos(request) {
      const { collection, cursor } = request
      const startedAt = performance.now()
      const { dids, invalid = 0, cursor: next } = await lister.listRepos(request)
      const before = (cursor === undefined ? undefined : walks.get(collection)) ?? begin
      if (cursor === undefined) monitor.handle({ type: 'collectionStarted', relay, collection, ...before })
      const walk = {
        pages: before.pages + 1,
        imported: before.imported + dids.length,
        invalid: before.invalid + invalid,
      }
      walks.set(collection, walk)
      const completed = next === undefined
      if (completed) walks.delete(collection)
      const durationMs = performance.now() - startedAt
      monitor.handle({ type: 'page', relay, collection, dids, ...walk, cursor: next, completed, durationMs })
      report.page()
      return { dids, invalid, cursor: next }
    },
  }
}

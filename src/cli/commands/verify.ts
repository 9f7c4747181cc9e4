import type { BackfillEvent } from '../../contracts/events.ts'
import type { CollectionProgress } from '../../contracts/progress-store.ts'
import type { RepoLister } from '../../contracts/repo-lister.ts'
import type { OpenStore } from '../../kysely/open-store.ts'
import { normalNsid } from '../../util/nsid.ts'
import { type Verification, verify } from '../../verify/verification.ts'
import type { VerificationSummary } from '../../verify/verification-report.ts'
import type { RelayOptions, RequestOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf, openExisting } from '../database.ts'
import { type Relay, relaysOf } from '../relay-options.ts'
import { UsageError } from '../usage-error.ts'
import { jsonVerifyReport, textVerifyReport, type VerifyEnd, type VerifyReport } from '../verify-report.ts'

export interface VerifyOptions extends RelayOptions, RequestOptions {
  readonly collection?: readonly string[]
  readonly samples?: number
  readonly json?: boolean
}

/** DIDs of each kind that are shown of a collection that differs. */
const SAMPLES = 3

/** Compares the index with what relays list now, collection by collection. @returns the exit code */
export async function verifyIndex(
  options: VerifyOptions,
  database: Database,
  context: Context,
): Promise<number> {
  const { interruption } = context
  const relays = relaysOf(options)
  const report: VerifyReport = options.json ? jsonVerifyReport(context) : textVerifyReport(relays, context)
  try {
    const end = await compareAll(relays, { options, database, report, signal: interruption.signal })
    return end.exitCode
  } catch (error) {
    const { aborted } = interruption.signal
    const exitCode = aborted ? interruption.exitCode : EXIT.incomplete
    report.end(aborted ? { outcome: 'interrupted', exitCode } : { outcome: 'failed', exitCode, error })
    throw error
  }
}

interface Parts {
  readonly options: VerifyOptions
  readonly database: Database
  readonly report: VerifyReport
  readonly signal: AbortSignal
}

/** @returns how it ended, once that is told */
async function compareAll(relays: readonly Relay[], parts: Parts): Promise<VerifyEnd> {
  const { options, database, report, signal } = parts
  await using store = await openExisting(database, { signal })
  const works = await Promise.all(relays.map((relay) => workFor(relay, store, options)))
  report.begin({ relays: relays.map(({ relay }) => relay), database: nameOf(database) })
  const summaries: VerificationSummary[] = []
  let leftOut = 0
  for (const work of works) {
    summaries.push(await compare(work, store, parts))
    leftOut += work.leftOut
  }
  const equal = summaries.every(({ failed, onlyThere, onlyHere }) => failed + onlyThere + onlyHere === 0)
  const exitCode = equal && leftOut === 0 ? EXIT.complete : EXIT.incomplete
  const end: VerifyEnd = { outcome: equal ? 'equal' : 'different', exitCode, leftOut, relays: summaries }
  // Before the database is closed, which may take a moment.
  report.end(end)
  return end
}

interface Work {
  readonly relay: Relay
  /** What is compared, with the sizes that are expected. */
  readonly rows: readonly Pick<CollectionProgress, 'collection' | 'imported'>[]
  /** Collections that the index cannot be complete in yet. */
  readonly leftOut: number
}

/**
 * What is named; else what the runs over this relay have completed; else, where there was none, all that the index
 * holds.
 *
 * @throws UsageError when that is nothing
 */
async function workFor(relay: Relay, store: OpenStore, { collection }: VerifyOptions): Promise<Work> {
  const known = await store.progress.list({ relay: relay.relay })
  if (collection !== undefined) {
    const imported = new Map(known.map((row) => [row.collection, row.imported]))
    const names = collection.map((nsid) => (imported.has(nsid) ? nsid : normalNsid(nsid)))
    const rows = [...new Set(names)].map((nsid) => ({
      collection: nsid,
      imported: imported.get(nsid) ?? 0,
    }))
    return { relay, rows, leftOut: 0 }
  }
  if (known.length > 0) {
    const rows = known.filter(({ state }) => state === 'complete')
    return { relay, rows, leftOut: known.length - rows.length }
  }
  const rows: { collection: string; imported: number }[] = []
  for await (const { nsid } of store.observed.collections()) rows.push({ collection: nsid, imported: 0 })
  if (rows.length === 0) throw new UsageError('There is nothing to compare: the index is empty. Run first.')
  return { relay, rows, leftOut: 0 }
}

async function compare({ relay, rows }: Work, store: OpenStore, parts: Parts): Promise<VerificationSummary> {
  const { options, report, signal } = parts
  const { relay: name, monitor } = relay
  const handle = (event: BackfillEvent) => {
    monitor.handle(event)
    report.handle(event)
  }
  const collections = rows.map(({ collection, imported }) => ({ nsid: collection, estimatedRepos: imported }))
  monitor.handle({ type: 'discovered', relay: name, collections, sources: [] })
  const verification: Verification = verify({
    relay: watched(relay, report),
    index: store.index,
    collections: rows.map(({ collection }) => collection),
    samples: options.samples ?? SAMPLES,
    retry: options.retries === undefined ? {} : { retries: options.retries },
    signal,
    onEvent: handle,
  })
  for (;;) {
    const { done, value } = await verification.next()
    if (done) return value
    const { collection, error } = value
    if (error !== undefined)
      handle({ type: 'collectionFailed', relay: name, collection, error, attempts: 1, restart: false })
    report.compared(value)
  }
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

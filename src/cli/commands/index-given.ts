import { appendFile, writeFile } from 'node:fs/promises'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import { indexRepos } from '../../crawl/index-repos.ts'
import type { GoneState } from '../../crawl/index-repos-options.ts'
import { isBackfillError } from '../../errors.ts'
import { abortWith, createController } from '../../util/abort.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { didsIn } from '../did-text.ts'
import { doneRepos } from '../done-repos.ts'
import { isSameFile, refuseDatabase } from '../given-files.ts'
import { type IndexReport, jsonIndexReport, textIndexReport } from '../index-report.ts'
import { openDatabase } from '../open-database.ts'
import { type PairInput, pairInput } from '../pair-files.ts'
import { claimRepoPlace, type RepoPlace } from '../repo-place.ts'
import { UsageError } from '../usage-error.ts'

export interface IndexOptions {
  readonly file?: string
  readonly remove?: boolean
  /** `true` without a value. */
  readonly removeGone?: true | readonly GoneState[]
  readonly failed?: string
  readonly plc?: string
  readonly plcRequestsPerSecond?: number
  readonly requestsPerSecond?: number
  readonly allow?: readonly string[]
  readonly concurrency?: number
  readonly retries?: number
  readonly json?: boolean
}

/** How often how far a file is is saved, in milliseconds. */
const SAVE_MS = 5_000

/** Asks the hosts of given repos for their collections. @returns the exit code */
export async function indexGiven(
  dids: readonly string[],
  options: IndexOptions,
  database: Database,
  context: Context,
): Promise<number> {
  const { file, failed } = options
  if ((file === undefined) === (dids.length === 0))
    throw new UsageError('Give either DIDs or --file with a text that names them.')
  // Before the database is made: a misspelt name must not leave one behind.
  const input = file === undefined ? undefined : await pairInput(file, context)
  if (file !== undefined && failed !== undefined && (await isSameFile(file, failed)))
    throw new UsageError('--failed would write over the file that is read: give it another one.')
  await using store = await openDatabase(database, context)
  const report = (options.json ? jsonIndexReport : textIndexReport)(context)
  const { signal } = context.interruption
  const place = input?.place && { file: placeOf(input.place, options), progress: store.progress }
  const claimed = place && (await claimRepoPlace({ ...place, signal, emit: report.waiting }))
  if (place && claimed === undefined) {
    report.doneElsewhere()
    return EXIT.complete
  }
  if (failed !== undefined) await refuseDatabase(failed)
  if (failed !== undefined && !claimed?.done) await writeFile(failed, '')
  const fraction = input === undefined ? () => undefined : () => readFraction(input)
  report.begin({ database: nameOf(database), done: claimed?.done ?? 0, fraction, isFew: input === undefined })
  const source = input === undefined ? listed(dids) : didsIn(textOf(input))
  return await indexAll(source, { options, store, claimed, report, context })
}

/** What is done otherwise is another work. */
function placeOf({ name, version }: NonNullable<PairInput['place']>, { remove, removeGone }: IndexOptions) {
  return { name, version: JSON.stringify([version, remove ?? false, removeGone ?? false]) }
}

function textOf({ from }: PairInput) {
  return typeof from === 'function' ? from(0) : from
}

function readFraction({ size, read }: PairInput): number | undefined {
  return size === undefined || size === 0 ? undefined : Math.min(1, read() / size)
}

async function* listed(dids: readonly string[]): AsyncGenerator<string, void, void> {
  yield* dids
}

/** A place that is not saved costs a few requests after a crash. What the repos need the store for waits by itself. */
async function save(claimed: RepoPlace, done: number): Promise<void> {
  try {
    await claimed.save(done)
  } catch (error) {
    if (!isBackfillError(error, 'STORE_UNAVAILABLE')) throw error
  }
}

interface Parts {
  readonly options: IndexOptions
  readonly store: OpenedStore
  readonly claimed: RepoPlace | undefined
  readonly report: IndexReport
  readonly context: Context
}

async function indexAll(dids: AsyncIterable<string>, parts: Parts): Promise<number> {
  const { options, store, claimed, report, context } = parts
  const { signal } = context.interruption
  const stop = createController()
  abortWith(signal, stop)
  abortWith(claimed?.signal, stop)
  const done = doneRepos(dids, claimed?.done ?? 0)
  const { retries, plc, plcRequestsPerSecond, requestsPerSecond, concurrency, allow, removeGone } = options
  const run = indexRepos({
    repos: done.repos,
    store,
    removeMissing: options.remove ?? false,
    removeGone,
    plc,
    plcRequestsPerSecond,
    requestsPerSecond,
    concurrency,
    allowHosts: allow,
    retry: retries === undefined ? {} : { retries },
    signal: stop.signal,
    onEvent: report.handle,
  })
  let savedAt = performance.now()
  try {
    for await (const repo of run) {
      if (repo.state === 'failed' && options.failed !== undefined)
        await appendFile(options.failed, `${repo.did}\n`)
      done.take(repo.did)
      report.repo(repo, run.summary)
      if (claimed === undefined || performance.now() - savedAt < SAVE_MS) continue
      await save(claimed, done.count)
      savedAt = performance.now()
    }
    await claimed?.complete()
  } catch (error) {
    await claimed?.release(done.count)
    report.end(
      { outcome: signal.aborted ? 'interrupted' : 'failed', goesOn: claimed !== undefined, error },
      run.summary,
    )
    throw error
  }
  stop.abort()
  const { repos, states } = run.summary
  const isWhole = states.failed === 0 && (repos > 0 || (claimed?.done ?? 0) > 0)
  report.end({ outcome: isWhole ? 'complete' : 'incomplete' }, run.summary)
  return isWhole ? EXIT.complete : EXIT.incomplete
}

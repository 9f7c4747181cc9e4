import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import { relayUrl } from '../../http/server-url.ts'
import { wasCancelled } from '../../util/flags.ts'
import { duration, plural } from '../../util/format.ts'
import { normalNsid } from '../../util/nsid.ts'
import { collectionRows } from '../../util/scopes.ts'
import { printable } from '../../util/text.ts'
import type { RelayOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import type { Database } from '../database.ts'
import { openExisting } from '../open-database.ts'
import { unknownRelay } from '../unknown-relay.ts'
import { UsageError } from '../usage-error.ts'

/** How many of the collections that wait are named. */
const MOST_NAMED = 5

/** What a command may do with the progress of collections. */
export type ProgressChange = 'retry' | 'cancel' | 'reset'

interface Invocation {
  readonly options: RelayOptions
  readonly database: Database
  readonly context: Context
}

/** @param given the names of collections. @returns the exit code */
export async function changeProgress(
  how: ProgressChange,
  given: readonly string[],
  { options, database, context }: Invocation,
): Promise<number> {
  await using store = await openExisting(database, context.interruption)
  const { progress } = store
  const meant = await rowsOf(progress, options, given)
  return await { retry, cancel, reset }[how]({ ...meant, progress, context })
}

/** What is meant by a command line. */
interface Meant {
  readonly relay: string
  readonly names: readonly string[]
  readonly rows: readonly CollectionProgress[]
}

interface Work extends Meant {
  readonly progress: ProgressStore
  readonly context: Context
}

/** Retries failed collections: those that are named, or all. */
async function retry({ progress, relay, names, rows, context }: Work): Promise<number> {
  const changed = await progress.retryFailed(relay, names.length === 0 ? undefined : names)
  const setAside = rows.filter(({ retryInMs }) => retryInMs !== undefined)
  const left = rows.filter((row) => row.state !== 'failed' && !setAside.includes(row))
  for (const { collection, state } of names.length === 0 ? [] : left) {
    context.err.write(`${printable(collection)} has not failed: it is ${state}.\n`)
  }
  context.out.write(`${plural(changed, 'collection')} will be retried${byWhom(changed, relay)}\n`)
  for (const { collection, retryInMs = 0 } of names.length === 0 ? setAside.slice(0, MOST_NAMED) : []) {
    const wait = duration(retryInMs)
    context.out.write(`${printable(collection)} is retried by itself in ${wait}: name it to retry it now.\n`)
  }
  const cancelled = names.length === 0 ? rows.filter(wasCancelled) : []
  for (const { collection } of cancelled.slice(0, MOST_NAMED))
    context.out.write(`${printable(collection)} was cancelled: name it to retry it.\n`)
  return EXIT.complete
}

/** Has the named collections read no more, until they are retried by their names. */
async function cancel({ progress, relay, names, rows, context }: Work): Promise<number> {
  const changed = await progress.cancel(relay, names)
  const until = changed === 0 ? '.' : `, until ${changed === 1 ? 'it is' : 'they are'} retried by name.`
  context.out.write(`${plural(changed, 'collection is', 'collections are')} cancelled${until}\n`)
  for (const row of rows) {
    const name = printable(row.collection)
    if (row.state === 'complete') context.err.write(`${name} is complete already.\n`)
    else if (wasCancelled(row)) context.err.write(`${name} was cancelled before.\n`)
  }
  return EXIT.complete
}

/** Has the named collections begin again at the first page, whatever they have come to. */
async function reset({ progress, relay, names, rows, context }: Work): Promise<number> {
  const changed = await progress.reset(relay, names)
  context.out.write(
    `${plural(changed, 'collection')} will be read again from the first page${byWhom(changed, relay)}\n`,
  )
  if (changed === rows.length) return EXIT.complete
  const walked = rows.filter(({ state }) => state === 'running').map(({ collection }) => collection)
  context.err.write(
    `Not reset, because a run is reading it: ${printable(walked.join(', '))}. Stop that run, or wait until it ends.\n`,
  )
  return EXIT.incomplete
}

function byWhom(changed: number, relay: string): string {
  if (changed === 0) return '.'
  return `, by the run of ${printable(relay)} that is under way, or by its next one on this database.`
}

/**
 * The rows of the named collections, or all, of the relay that is meant: the only one there is, where none is named. A
 * name's authority may be written in capital letters; a row that has them itself is named as it is.
 *
 * @throws UsageError when it is not clear what is meant
 */
async function rowsOf(
  progress: ProgressStore,
  { relay = [] }: RelayOptions,
  given: readonly string[],
): Promise<Meant> {
  const all = collectionRows(await progress.list())
  const sources = [...new Set(all.map(({ relay: source }) => source))]
  const [only] = sources
  const [named, ...others] = relay.map((each) => relayUrl(each).relay)
  if (named === undefined && only === undefined) {
    throw new UsageError(
      'Nothing is registered there yet: atproto-collection-backfill run --relay HOST begins.',
    )
  }
  const source = named ?? (sources.length === 1 ? only : undefined)
  if (source === undefined || others.length > 0)
    throw new UsageError(`Which relay? Give --relay with one of: ${sources.join(', ')}.`)
  const rows = all.filter((row) => row.relay === source)
  if (rows.length === 0) throw unknownRelay(source, sources)
  const known = new Set(rows.map(({ collection }) => collection))
  const names = given.map((name) => (known.has(name) ? name : normalNsid(name)))
  const unknown = names.filter((name) => !known.has(name))
  if (unknown.length > 0) {
    throw new UsageError(
      `Not registered for ${source}: ${unknown.join(', ')}. See atproto-collection-backfill status --all.`,
    )
  }
  return {
    relay: source,
    names,
    rows: names.length === 0 ? rows : rows.filter(({ collection }) => names.includes(collection)),
  }
}

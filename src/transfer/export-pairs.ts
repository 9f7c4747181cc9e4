import { isValidNsid } from '@atproto/syntax'
import type { RepoIndex } from '../contracts/repo-index.ts'
import { InvalidOptionError } from '../errors.ts'
import { startRun } from '../run/start-run.ts'
import { collectionFilter } from '../sources/collection-filter.ts'
import { createController } from '../util/abort.ts'
import { normalNsid } from '../util/nsid.ts'
import type { Run } from '../util/run-iterator.ts'
import { mustHave, type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { CSV_HEADER, type PairFormat, pairText } from './pair-text.ts'

/** What to export, and how. */
export interface ExportPairsOptions {
  /** The index: `store.index`. */
  index: RepoIndex
  /** CSV or NDJSON. @default 'csv' */
  format?: PairFormat | undefined
  /**
   * Whether a CSV begins with the line `did,collection`. collectiondir's `build` would take that for a pair.
   *
   * @default false
   */
  header?: boolean | undefined
  /** Goes on behind this part of an earlier export, without the header. @default at the beginning */
  after?: Pick<ExportedPart, 'collection' | 'cursor'> | undefined
  /** Only collections that one of these NSIDs (`app.bsky.feed.post`) and patterns (`app.bsky.*`) matches. @default all */
  only?: readonly string[] | undefined
  /** Leaves out what one of these NSIDs and patterns matches. It wins over `only`. @default none */
  except?: readonly string[] | undefined
  /** Stops the export, with the signal's own reason. */
  signal?: AbortSignal | undefined
}

/** A part of the text: whole lines of one collection. */
export interface ExportedPart {
  readonly text: string
  readonly collection: string
  /** Where the collection goes on; absent for its last part. */
  readonly cursor?: string | undefined
  /** How many pairs it has. */
  readonly pairs: number
}

/** What an export has read. */
export interface ExportSummary {
  collections: number
  pairs: number
}

/** The parts of the text, in their order. It stops as a backfiller does: leave the loop, or abort the signal. */
export interface PairExport extends Run<ExportedPart, ExportSummary> {}

const OPTIONS: OptionNames<ExportPairsOptions> = {
  index: true,
  format: true,
  header: true,
  after: true,
  only: true,
  except: true,
  signal: true,
}

/**
 * Writes the pairs of an index as text, sorted by collection and DID in the order of their code points, in the memory of
 * a page. It is no snapshot: a pair that is in the index the whole time comes once.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: what the index rejects with, the signal's
 * reason when that aborts
 */
export function exportPairs(options: ExportPairsOptions): PairExport {
  refuseUnknown(options, OPTIONS, { meant: { collections: 'only', store: 'index' } })
  const { index, format = 'csv', only } = options
  mustHave('index', index, 'listRepos', 'a RepoIndex such as store.index')
  if (format !== 'csv' && format !== 'ndjson')
    throw new InvalidOptionError('format', "'csv' or 'ndjson'", format)
  const isWanted = collectionFilter(options).wants
  const canTell = index.listCollections !== undefined || only?.every((name) => isValidNsid(name))
  if (!canTell) {
    throw new InvalidOptionError('only', 'NSIDs, for this index cannot tell its collections', only)
  }
  const stop = createController()
  const summary: ExportSummary = { collections: 0, pairs: 0 }
  const parts = { isWanted, stop, summary }
  return startRun(() => exportAll({ ...options, format }, parts), {
    signal: options.signal,
    stop,
    counts: { summary },
  })
}

interface Parts {
  readonly isWanted: (nsid: string) => boolean
  readonly stop: AbortController
  readonly summary: ExportSummary
}

type Settings = ExportPairsOptions & { readonly format: PairFormat }

async function* exportAll(options: Settings, parts: Parts): AsyncGenerator<ExportedPart, void, void> {
  const { format, header = false, after } = options
  const { isWanted, stop, summary } = parts
  if (header && format === 'csv' && after === undefined) yield { text: CSV_HEADER, collection: '', pairs: 0 }
  for await (const collection of namesOf(options, stop.signal)) {
    const isDone = after !== undefined && collection < after.collection
    const cursor = after?.collection === collection ? after.cursor : undefined
    const isEnded = after?.collection === collection && cursor === undefined
    if (isDone || isEnded || !isWanted(collection)) continue
    const before = summary.pairs
    yield* exportCollection(collection, cursor, options, parts)
    if (summary.pairs > before) summary.collections += 1
  }
}

/** Fewer requests than with pages of the default size, and still little memory. */
const PAGE = 10_000

async function* exportCollection(
  collection: string,
  start: string | undefined,
  { index, format }: Settings,
  { stop: { signal }, summary }: Parts,
): AsyncGenerator<ExportedPart, void, void> {
  let at = start
  do {
    const { dids, cursor } = await index.listRepos(collection, { cursor: at, limit: PAGE, signal })
    summary.pairs += dids.length
    if (dids.length > 0)
      yield { text: pairText(format, collection, dids), collection, cursor, pairs: dids.length }
    at = cursor
  } while (at !== undefined)
}

/** The collections in their order: those of the index, or those that are named where all are. */
async function* namesOf(
  { index, only }: ExportPairsOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  if (only?.every((name) => isValidNsid(name))) {
    yield* [...new Set(only.map(normalNsid))].sort()
    return
  }
  let cursor: string | undefined
  do {
    const page = await index.listCollections?.({ cursor, limit: PAGE, signal })
    for (const { nsid } of page?.collections ?? []) yield nsid
    cursor = page?.cursor
  } while (cursor !== undefined)
}

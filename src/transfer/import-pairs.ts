import type { BackfillListener } from '../contracts/events.ts'
import { BackfillError } from '../errors.ts'
import { endsRun } from '../run/failure-policy.ts'
import { guardListener } from '../run/listener.ts'
import type { BackfillStore } from '../run/options.ts'
import { startRun } from '../run/start-run.ts'
import { warnOnce } from '../run/warnings.ts'
import { type CollectionFilter, collectionFilter } from '../sources/collection-filter.ts'
import { createController } from '../util/abort.ts'
import { describe } from '../util/describe.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import type { Run } from '../util/run-iterator.ts'
import { oneLine } from '../util/text.ts'
import { mustHave, type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { type ImportPlace, type ImportWriter, importWriter } from './import-writer.ts'
import { linesOf, type TextPieces } from './pair-lines.ts'
import { type PairReader, pairReader } from './pair-text.ts'

/** What to import, and into what. */
export interface ImportPairsOptions {
  /**
   * The text: CSV or NDJSON in UTF-8, as bytes or strings in pieces of any length. A web stream, a stream of Node or any
   * other async iterable. Or a function that gets a position, in bytes, and gives the text from there on: then an import
   * that goes on does not read again what it has imported.
   */
  from: TextPieces | ((offset: number) => TextPieces)
  /** Where the pairs go: what `openPostgres`, `openSqlite` and `memoryStore` give. */
  store: Pick<BackfillStore, 'sink' | 'progress'>
  /**
   * What the text is called, in ASCII: its URL for example. With a name, the import saves its position with the pairs and
   * goes on from there after an interruption. One import of a name runs at a time, over all processes.
   *
   * @default none: after an interruption, the import begins again, and pairs that are there already change nothing
   */
  name?: string | undefined
  /** Tells versions of the text apart, by its size and time for example. A new version begins again. @default '' */
  version?: string | undefined
  /** Only collections that one of these NSIDs (`app.bsky.feed.post`) and patterns (`app.bsky.*`) matches. @default all */
  only?: readonly string[] | undefined
  /** Leaves out what one of these NSIDs and patterns matches. It wins over `only`. @default none */
  except?: readonly string[] | undefined
  /** How a write that failed is retried. The import waits for a store that is unavailable. */
  retry?: Partial<RetryPolicy> | undefined
  /** Stops the import, with the signal's own reason. */
  signal?: AbortSignal | undefined
  /**
   * Gets the events of a backfill that occur here too: `retry`, `storeUnavailable`, `storeAvailable`, and `waiting` while
   * another process imports the same. Their `relay` is `import:` and the name.
   */
  onEvent?: BackfillListener | undefined
}

/** Pairs that are in the index now. */
export interface ImportedBatch {
  /** How many, repeats included. */
  readonly pairs: number
  /** How many were new to the index; absent where the sink cannot know. */
  readonly added: number | undefined
  /** How far the import is, in bytes from the beginning of the text. */
  readonly bytes: number
}

/** A line that is no pair. */
export interface InvalidLine {
  /** Its number, from 1. */
  readonly line: number
  /** What is wrong with it. */
  readonly problem: string
  /** How it begins. */
  readonly text: string
}

/** What an import has done. */
export interface ImportSummary {
  /** Lines that this run has read. */
  lines: number
  /** How many lines earlier runs had read, behind which this one went on; 0 if it began at the beginning. */
  resumedAfter: number
  /** Pairs of these lines, which are in the index now; repeats included. */
  pairs: number
  /** How many of them were new; absent where the sink cannot know. */
  added?: number | undefined
  /** Pairs that `only` and `except` left out. */
  leftOut: number
  /** How many collections the pairs are of. */
  collections: number
  /**
   * Entries of `only` and `except` that match no collection of the text: they may be misspelt. Told once the text was read
   * from its beginning to its end, and empty before.
   */
  unmatched: readonly string[]
  /** Lines that are no pair, and no header. */
  invalid: number
  /** The first ten of them. */
  invalidLines: InvalidLine[]
  /** Whether the last line had no line end. It is imported; if the text was cut short, it may be a wrong pair. */
  unterminated: boolean
  /** Whether another process imported the text to its end while this one waited for it, so that nothing was left. */
  doneElsewhere: boolean
}

/** Batches as they become durable. It stops as a backfiller does: leave the loop, or abort the signal. */
export interface PairImport extends Run<ImportedBatch, ImportSummary> {}

const OPTIONS: OptionNames<ImportPairsOptions> = {
  from: true,
  store: true,
  name: true,
  version: true,
  only: true,
  except: true,
  retry: true,
  signal: true,
  onEvent: true,
}

/**
 * Adds the pairs of a text to an index: what `exportPairs` wrote, what collectiondir's `export` gives, or any list with a
 * DID and a collection on each line. The two columns may stand in either order; a header may name them among others.
 * Lines that are no pair are counted, and the import goes on.
 *
 * The collections become known to the index. None of them is complete by that, as after a walk: a list says nothing of
 * what its relay lists now, and has no cursor. So a run reads them.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `INPUT_BROKEN` where the text breaks off,
 * once everything before that is in the index; what the store cannot recover from; the signal's reason when that aborts
 */
export function importPairs(options: ImportPairsOptions): PairImport {
  refuseUnknown(options, OPTIONS, { meant: { collections: 'only', relay: 'from', sink: 'store' } })
  mustHave('store', options.store, 'sink', 'a store such as openSqlite gives')
  const filter = collectionFilter(options)
  const retry = retryPolicy(options.retry)
  const stop = createController()
  const emit = guardListener(options.onEvent ?? warnOnce(), stop)
  const summary: ImportSummary = {
    lines: 0,
    resumedAfter: 0,
    pairs: 0,
    leftOut: 0,
    collections: 0,
    unmatched: [],
    invalid: 0,
    invalidLines: [],
    unterminated: false,
    doneElsewhere: false,
  }
  const writer = importWriter({ ...options, retry, signal: stop.signal, emit })
  const parts = { options, filter, named: new Set<string>(), writer, stop, summary }
  return startRun(() => importAll(parts), { signal: options.signal, stop, counts: { summary } })
}

interface Parts {
  readonly options: ImportPairsOptions
  readonly filter: CollectionFilter
  /** The collections that the text has named. */
  readonly named: Set<string>
  readonly writer: ImportWriter
  readonly stop: AbortController
  readonly summary: ImportSummary
}

async function* importAll(parts: Parts): AsyncGenerator<ImportedBatch, void, void> {
  const { writer, summary } = parts
  try {
    const place = await writer.begin()
    summary.doneElsewhere = place === 'done elsewhere'
    if (place !== 'done elsewhere') yield* importFrom(place, parts)
  } finally {
    await writer.end()
  }
}

/** How many pairs become durable together, at least, unless the text ends: some tenths of a second of writing. */
const BATCH_PAIRS = 20_000

async function* importFrom(start: ImportPlace, parts: Parts): AsyncGenerator<ImportedBatch, void, void> {
  const { options, filter, named, writer, stop, summary } = parts
  const names = new Set<string>()
  const reader = pairReader(start.columns)
  summary.resumedAfter = start.lines
  let batch = createBatch(start)
  const save = async (isLast: boolean): Promise<ImportedBatch> => {
    const { pairs, byCollection, invalid, place } = batch
    const added = await writer.write({ byCollection, pairs, invalid, place, isLast })
    for (const collection of byCollection.keys()) names.add(collection)
    batch = createBatch(place)
    summary.pairs += pairs
    summary.collections = names.size
    if (added !== undefined) summary.added = (summary.added ?? 0) + added
    return { pairs, added, bytes: place.bytes }
  }
  const blocks = linesOf(piecesFrom(options.from, start.bytes), start.bytes)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value } = await blocks.next().catch(async (error: unknown) => {
        stop.signal.throwIfAborted()
        if (endsRun(error) || batch.place.lines === 0) throw error
        // What came before is whole, and is kept.
        if (batch.pairs > 0) await save(false)
        throw brokenOff(error, batch.place)
      })
      if (done) break
      stop.signal.throwIfAborted()
      takeLines(value.lines, batch, reader, parts)
      batch.place = {
        bytes: value.end,
        lines: batch.place.lines + value.lines.length,
        columns: reader.columns,
      }
      summary.unterminated = value.unterminated === true
      if (batch.pairs >= BATCH_PAIRS) yield await save(false)
    }
    yield await save(true)
    if (start.lines === 0) summary.unmatched = filter.unmatched(named)
  } finally {
    blocks.return().catch(() => {})
  }
}

/** What is to be written next. */
interface Batch {
  readonly byCollection: Map<string, string[]>
  pairs: number
  invalid: number
  /** Behind the last line that was taken. */
  place: ImportPlace
}

function createBatch(place: ImportPlace): Batch {
  return { byCollection: new Map(), pairs: 0, invalid: 0, place }
}

/** How many invalid lines are kept, and how much of each. */
const MOST_INVALID = 10
const MOST_CHARACTERS = 100

function takeLines(
  lines: readonly (string | undefined)[],
  batch: Batch,
  reader: PairReader,
  { filter, named, summary }: Parts,
): void {
  lines.forEach((line, i) => {
    const read = reader.read(line)
    summary.lines += 1
    if (read === 'nothing') return
    if ('problem' in read) {
      batch.invalid += 1
      summary.invalid += 1
      if (summary.invalidLines.length === MOST_INVALID) return
      const number = batch.place.lines + i + 1
      const text = oneLine(line ?? '', MOST_CHARACTERS)
      summary.invalidLines.push({ line: number, problem: read.problem, text })
      return
    }
    const { did, collection } = read
    if (filter.isSet) named.add(collection)
    if (!filter.wants(collection)) {
      summary.leftOut += 1
      return
    }
    const dids = batch.byCollection.get(collection)
    if (dids === undefined) batch.byCollection.set(collection, [did])
    else dids.push(did)
    batch.pairs += 1
  })
}

function brokenOff(error: unknown, { lines }: ImportPlace): BackfillError {
  const why = describe(error).replace(/\.$/, '')
  const message = `The text breaks off after ${lines} lines: ${why}. What came before is in the index. Get the whole text, and import it again.`
  return new BackfillError('INPUT_BROKEN', message, { cause: error })
}

function piecesFrom(from: ImportPairsOptions['from'], offset: number): TextPieces {
  return typeof from === 'function' ? from(offset) : behind(from, offset)
}

/** What stands behind the first bytes. */
async function* behind(pieces: TextPieces, offset: number): AsyncGenerator<Uint8Array, void, void> {
  const encoder = new TextEncoder()
  let left = offset
  for await (const piece of pieces) {
    const bytes = typeof piece === 'string' ? encoder.encode(piece) : piece
    if (bytes.length > left) yield bytes.subarray(left)
    left = Math.max(0, left - bytes.length)
  }
  if (left > 0) throw new Error(`${left} bytes are missing that were there before`)
}

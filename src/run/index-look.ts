import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { CollectionSource } from '../contracts/collection-source.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { wasCancelled } from '../util/flags.ts'
import { normalNsid } from '../util/nsid.ts'
import { type AskedSource, type AskParts, askSources, type Discovery } from './discovery.ts'

/**
 * One look at the index, for all relays of a run: whether it still knows the collections that were imported into it. An
 * index that was emptied, or restored to an older state than its progress, does not.
 */
export interface IndexLook {
  /** `store.observed`, to be asked in its place: what the first read to the end gives is the look. */
  readonly source: CollectionSource
  /** Whether it is among the sources of the run, so that they read it. */
  readonly isSource: boolean
  /**
   * The rows of all relays, as they were before the index was looked at: the name of what is imported in such a row was
   * in the index by then.
   */
  rows(progress: ProgressStore): Promise<readonly CollectionProgress[]>
  /** The collections that the index knows. `undefined` where it was not read to its end. */
  names(): ReadonlySet<string> | undefined
}

export function createIndexLook(
  observed: CollectionSource,
  { relays, isSource }: { relays: readonly string[]; isSource: boolean },
): IndexLook {
  let names: ReadonlySet<string> | undefined
  let rows: Promise<readonly CollectionProgress[]> | undefined
  const { name, live, leastRepos, directoryOf } = observed
  return {
    source: {
      name,
      live,
      leastRepos,
      directoryOf,
      async *collections(options) {
        const read = new Set<string>()
        for await (const collection of observed.collections(options)) {
          const { nsid }: { nsid?: unknown } = Object(collection)
          if (typeof nsid === 'string') read.add(normalNsid(nsid))
          yield collection
        }
        // What the run itself imports after the first read is no sign of what was there before.
        names ??= read
      },
    },
    isSource,
    rows(progress) {
      rows ??= Promise.all(relays.map((relay) => progress.list({ relay }))).then((lists) => lists.flat())
      return rows
    },
    names: () => names,
  }
}

/** The lease of a claim that is released at once, in milliseconds. */
const RESET_MS = 60_000

interface LookParts extends AskParts {
  readonly look: IndexLook | undefined
  readonly sources: readonly AskedSource[]
  readonly progress: ProgressStore
  readonly keepFailed: boolean
}

/**
 * What the sources know, and the rows whose collections are missing from the index. None are where it was not read to its
 * end: nothing is concluded from that.
 */
export async function askWithLook(
  parts: LookParts,
): Promise<{ discovery: Discovery; missing: readonly CollectionProgress[] }> {
  const { look, sources } = parts
  const imported = look === undefined ? [] : await importedRows(look, parts)
  const more = look === undefined || look.isSource || imported.length === 0 ? [] : [{ source: look.source }]
  const [discovery] = await Promise.all([askSources(sources, parts), askSources(more, parts)])
  const names = look?.names()
  const missing =
    names === undefined ? [] : imported.filter(({ collection }) => !names.has(normalNsid(collection)))
  return { discovery, missing }
}

/** The rows of collections of this relay whose pages are in the index. Not those that a worker holds: it may be at work. */
async function importedRows(
  look: IndexLook,
  { lister: { relay }, progress }: LookParts,
): Promise<readonly CollectionProgress[]> {
  const rows = await look.rows(progress)
  return rows.filter((row) => row.relay === relay && row.imported > 0 && row.state !== 'running')
}

/** Whether a run leaves a collection failed. */
export function staysFailed(row: CollectionProgress, { keepFailed }: Pick<LookParts, 'keepFailed'>): boolean {
  return row.state === 'failed' && (keepFailed || wasCancelled(row))
}

/**
 * Begins these again, except those that another run has begun since the look, and tells it. What stays failed is not read:
 * it begins at its first page once it is retried, which may be while this run is under way.
 */
export async function resetMissing(
  missing: readonly CollectionProgress[],
  { relay, progress, emit, ...how }: Pick<LookParts, 'progress' | 'emit' | 'keepFailed'> & { relay: string },
): Promise<void> {
  if (missing.length === 0) return
  const rows = new Map((await progress.list({ relay })).map((row) => [row.collection, row]))
  const unchanged = missing.filter((row) => isUnchanged(row, rows.get(row.collection)))
  for (const row of unchanged) if (staysFailed(row, how)) await resetFailed(row, progress)
  const collections = unchanged.filter((row) => !staysFailed(row, how)).map(({ collection }) => collection)
  if (collections.length === 0 || (await progress.reset(relay, collections)) === 0) return
  emit({ type: 'indexMissing', relay, collections })
}

/** Begins it again, failed as it was. If another worker takes it in between, it reads it from its first page. */
async function resetFailed(row: CollectionProgress, progress: ProgressStore): Promise<void> {
  const { relay, collection, lastError = '' } = row
  await progress.reset(relay, [collection])
  if (wasCancelled(row)) return void (await progress.cancel(relay, [collection]))
  const owner = crypto.randomUUID()
  const claim = await progress.claim({ relay, owner, leaseMs: RESET_MS, collections: [collection] })
  if (claim !== undefined) await progress.release(claim, { kind: 'failed', error: lastError })
}

function isUnchanged(before: CollectionProgress, now: CollectionProgress | undefined): boolean {
  return (
    before.state === now?.state &&
    before.cursor === now.cursor &&
    before.pages === now.pages &&
    wasCancelled(before) === wasCancelled(now) &&
    before.imported === now.imported &&
    before.completedAt?.getTime() === now.completedAt?.getTime()
  )
}

import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource, KnownCollection } from './collection-source.ts'
import { BackfillError } from './errors.ts'
import type { SourceReport } from './events.ts'
import { abortable, linkedController } from './time.ts'

/** What all sources know together. */
export interface Discovery {
  /** Valid, each once, with the highest estimate that any source gave. */
  collections: KnownCollection[]
  sources: SourceReport[]
  /** The sources that failed. What they gave before is in `collections`. */
  errors: { source: string; error: unknown }[]
}

interface DiscoverOptions {
  signal: AbortSignal
  /** How long one source may take, in milliseconds. */
  timeoutMs: number
}

/** Asks all sources side by side. Rejects only when the signal aborts. */
export async function discover(
  sources: readonly CollectionSource[],
  options: DiscoverOptions,
): Promise<Discovery> {
  const known = new Map<string, KnownCollection>()
  const reports: SourceReport[] = []
  const errors: Discovery['errors'] = []
  const ask = async (source: CollectionSource) => {
    const report = { name: source.name, found: 0, rejected: 0 }
    reports.push(report)
    try {
      for await (const collection of bounded(source, options)) {
        report.found += 1
        if (isValidNsid(collection?.nsid)) add(known, collection)
        else report.rejected += 1
      }
    } catch (error) {
      options.signal.throwIfAborted()
      errors.push({ source: source.name, error })
    }
  }
  await Promise.all(sources.map(ask))
  return { collections: [...known.values()], sources: reports, errors }
}

function add(known: Map<string, KnownCollection>, { nsid, estimatedRepos }: KnownCollection): void {
  const estimates = [known.get(nsid)?.estimatedRepos, estimatedRepos].filter((estimate) => isCount(estimate))
  known.set(nsid, estimates.length > 0 ? { nsid, estimatedRepos: Math.max(...estimates) } : { nsid })
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** A source's collections, ended by an error at the deadline even when the source does not listen to its signal. */
async function* bounded(
  source: CollectionSource,
  { signal, timeoutMs }: DiscoverOptions,
): AsyncGenerator<KnownCollection> {
  const { controller, unlink } = linkedController(signal)
  const late = () =>
    new BackfillError('DISCOVERY_FAILED', `${source.name} did not end within ${timeoutMs} ms.`, {
      retryable: true,
    })
  const timer = setTimeout(() => controller.abort(late()), timeoutMs)
  const iterator = source.collections({ signal: controller.signal })[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value } = await abortable(iterator.next(), controller.signal)
      if (done) return
      yield value
    }
  } finally {
    clearTimeout(timer)
    unlink()
    controller.abort()
    // Not awaited: a source that hangs would hang here too.
    iterator.return?.().catch(() => {})
  }
}

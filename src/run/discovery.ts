import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import type { SourceReport } from '../contracts/events.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { BackfillError } from '../errors.ts'
import { abortable, childController } from '../util/abort.ts'
import { isPassing, type RetryContext, type RetryPolicy, retrying } from '../util/retry.ts'
import { endsRun } from './failure-policy.ts'

/** What all sources know together. */
export interface Discovery {
  /** Valid, each once, with the highest estimate that any source gave. */
  collections: KnownCollection[]
  sources: SourceReport[]
  /** The sources that failed. What they gave before is in `collections`. */
  errors: { source: string; error: unknown }[]
}

/**
 * A source, and how long it may take, all its tries together, in milliseconds: {@link SOURCE_TIMEOUT_MS} by default.
 */
export interface AskedSource {
  readonly source: CollectionSource
  readonly timeoutMs?: number | undefined
}

/**
 * How long a source may take, all its tries together, in milliseconds. A directory's first answer can take a minute.
 */
const SOURCE_TIMEOUT_MS = 120_000

interface DiscoverOptions {
  /** The relays of the run: a source on the server of one of them keeps its pace. */
  readonly relays: readonly RepoLister[]
  readonly signal: AbortSignal
  readonly retry: RetryPolicy
  readonly onRetry: (context: RetryContext & { source: string }) => void
}

/**
 * Asks all sources side by side. Rejects when the signal aborts, and with a source's error only when that concerns the
 * whole run or is a mistake in the program.
 */
export async function discover(
  sources: readonly AskedSource[],
  options: DiscoverOptions,
): Promise<Discovery> {
  const known = new Map<string, KnownCollection>()
  const errors: Discovery['errors'] = []
  const ask = async (asked: AskedSource): Promise<SourceReport> => {
    const { source } = asked
    const report = { name: source.name, found: 0, invalid: 0 }
    /** One try. A source that is asked again gives the same once more, so the try that gave most counts. */
    const reader = () => {
      let found = 0
      let invalid = 0
      return (collection: KnownCollection) => {
        found += 1
        if (isValidNsid(collection?.nsid)) add(known, collection)
        else invalid += 1
        if (found >= report.found) Object.assign(report, { found, invalid })
      }
    }
    try {
      await readAll(asked, options, reader)
    } catch (error) {
      options.signal.throwIfAborted()
      if (endsRun(error)) throw error
      errors.push({ source: source.name, error })
    }
    return report
  }
  const reports = await Promise.all(sources.map(ask))
  return { collections: [...known.values()], sources: reports, errors }
}

function add(known: Map<string, KnownCollection>, { nsid, estimatedRepos }: KnownCollection): void {
  const estimates = [known.get(nsid)?.estimatedRepos, estimatedRepos].filter((estimate) => isCount(estimate))
  known.set(nsid, estimates.length > 0 ? { nsid, estimatedRepos: Math.max(...estimates) } : { nsid })
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** Reads a source to its end, again where its error says that this may help, and no longer than the deadline. */
async function readAll(
  { source, timeoutMs = SOURCE_TIMEOUT_MS }: AskedSource,
  { relays, signal, retry, onRetry }: DiscoverOptions,
  reader: () => (collection: KnownCollection) => void,
): Promise<void> {
  const asking = childController(signal)
  const late = () =>
    new BackfillError('SOURCE_TIMEOUT', `${source.name} did not end within ${timeoutMs} ms.`, {
      retryable: true,
    })
  const timer = setTimeout(() => asking.abort(late()), timeoutMs)
  try {
    await retrying(() => readOnce(source, { relays, signal: asking.signal }, reader()), {
      ...retry,
      signal: asking.signal,
      mayRetry: isPassing,
      onRetry: (context) => onRetry({ source: source.name, ...context }),
    })
  } finally {
    clearTimeout(timer)
    asking.abort()
  }
}

/** Ends with the signal's reason even when the source does not listen to it. */
async function readOnce(
  source: CollectionSource,
  { relays, signal }: Pick<DiscoverOptions, 'relays' | 'signal'>,
  take: (collection: KnownCollection) => void,
): Promise<void> {
  const iterator = source.collections({ relays, signal })[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value } = await abortable(iterator.next(), signal)
      if (done) return
      take(value)
    }
  } finally {
    // Not awaited: a source that hangs would hang here too.
    iterator.return?.().catch(() => {})
  }
}

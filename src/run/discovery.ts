import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import type { Emit, InvalidName, SourceReport } from '../contracts/events.ts'
import type { PacedRelay } from '../contracts/paced-relay.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { BackfillError } from '../errors.ts'
import { abortable, childController } from '../util/abort.ts'
import { normalNsid } from '../util/nsid.ts'
import { isPassing, type RetryContext, type RetryPolicy, retrying } from '../util/retry.ts'
import { oneLine } from '../util/text.ts'
import { endsRun } from './failure-policy.ts'
import type { RelayPauses } from './relay-pauses.ts'

/** What all sources know together. */
export interface Discovery {
  /** Valid, each once, with the highest estimate that any source gave. */
  collections: KnownCollection[]
  /** How many repos of each the relay's own directory counts. */
  told: ReadonlyMap<string, number>
  sources: SourceReport[]
  /** The first of the names that are no NSID. */
  invalidNames: InvalidName[]
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

/** So many sizes, and none of them small: then a source that may leave out small collections does so. */
const MANY = 20

interface DiscoverOptions {
  /** The relay that is walked, if one is. */
  readonly relay?: string | undefined
  /** The relays of the run: a source on the server of one of them keeps its pace. */
  readonly relays: readonly PacedRelay[]
  readonly signal: AbortSignal
  readonly retry: RetryPolicy
  readonly onRetry: (context: RetryContext & { source: string }) => void
}

/** What of a relay's run the sources are asked with. */
export interface AskParts {
  readonly lister: RepoLister
  readonly listers: readonly RepoLister[]
  readonly pauses: RelayPauses
  readonly retry: RetryPolicy
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** What the sources know, with the events of what goes wrong. */
export async function askSources(
  sources: readonly AskedSource[],
  { lister: { relay }, listers, pauses, retry, emit, signal }: AskParts,
): Promise<Discovery> {
  const discovery = await discover(sources, {
    relay,
    relays: pauses.respecting(listers),
    signal,
    retry,
    onRetry: (context) => emit({ type: 'retry', relay, ...context }),
  })
  for (const { source, error } of discovery.errors) emit({ type: 'sourceFailed', relay, source, error })
  return discovery
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
  const told = new Map<string, number>()
  const errors: Discovery['errors'] = []
  const invalidNames: InvalidName[] = []
  const ask = async (asked: AskedSource): Promise<SourceReport> => {
    const { source } = asked
    /** Whether its sizes are what the relay that is walked lists. */
    const isDirectory = source.directoryOf !== undefined && source.directoryOf === options.relay
    const report: SourceReport = { name: source.name, found: 0, invalid: 0 }
    const sizes = { given: 0, least: Number.POSITIVE_INFINITY }
    /** One try. A source that is asked again gives the same once more, so the try that gave most counts. */
    const reader = () => {
      let found = 0
      let invalid = 0
      return (collection: KnownCollection) => {
        found += 1
        const { estimatedRepos } = Object(collection)
        if (isCount(estimatedRepos)) {
          sizes.given += 1
          sizes.least = Math.min(sizes.least, estimatedRepos)
        }
        if (isValidNsid(collection?.nsid)) {
          add(known, collection)
          if (isDirectory && isCount(estimatedRepos)) told.set(normalNsid(collection.nsid), estimatedRepos)
        } else {
          invalid += 1
          addInvalid(invalidNames, source.name, collection?.nsid)
        }
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
    const { leastRepos } = source
    const leavesOut = leastRepos !== undefined && sizes.given >= MANY && sizes.least >= leastRepos
    return leavesOut ? { ...report, leastRepos } : report
  }
  const reports = await Promise.all(sources.map(ask))
  return { collections: [...known.values()], told, sources: reports, invalidNames, errors }
}

/** How many names that are no NSID are told, of all sources together, and how many characters of each. */
const MOST_INVALID = 10
const MOST_CHARACTERS = 100

function addInvalid(names: InvalidName[], source: string, given: unknown): void {
  if (names.length === MOST_INVALID) return
  const name = typeof given === 'string' ? oneLine(given, MOST_CHARACTERS) : `(${typeof given})`
  if (!names.some((known) => known.source === source && known.name === name)) names.push({ source, name })
}

/** Names whose authority is written in capital letters are the same ones. */
function add(known: Map<string, KnownCollection>, given: KnownCollection): void {
  const { estimatedRepos } = given
  const nsid = normalNsid(given.nsid)
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

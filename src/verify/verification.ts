import { isValidNsid } from '@atproto/syntax'
import type { BackfillListener } from '../contracts/events.ts'
import type { RepoIndex } from '../contracts/repo-index.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { InvalidOptionError } from '../errors.ts'
import { advancePosition } from '../paging/cursor-guard.ts'
import { checkRelay, tellPauses } from '../paging/fetch-page.ts'
import { endsRun } from '../run/failure-policy.ts'
import { guardListener } from '../run/listener.ts'
import { listerOf } from '../run/options.ts'
import { warnOnce } from '../run/warnings.ts'
import { abortWith, createController } from '../util/abort.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import { createRun, isLeft, type Run } from '../util/run-iterator.ts'
import { mustHave, type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import { hashLists } from './hash-lists.ts'
import { askIndex, type ListParts, startOf } from './lists.ts'
import { mergeLists } from './merge-lists.ts'
import type { CollectionReport, VerificationCost, VerificationSummary } from './verification-report.ts'

/** What to compare with what, and how. */
export interface VerifyOptions {
  /** The relay to read again: a host, an http or https URL, or a lister. */
  relay: string | RepoLister
  /** The index to compare with it. It is only read. */
  index: RepoIndex
  /**
   * The collections, by their NSIDs.
   *
   * @default those that the index holds; an index without `listCollections` cannot tell
   */
  collections?: readonly string[] | undefined
  /** How many DIDs of each kind a report gives as samples. @default 10 */
  samples?: number | undefined
  /**
   * The most memory that the digests of one collection may take, in bytes, if the relay does not list repos in order. A
   * repo takes 8 to 11 bytes. What does not fit is compared by reading the relay again.
   *
   * @default 268_435_456 (256 MiB: 24 million repos, more than the largest collection of the network has)
   */
  memoryBytes?: number | undefined
  /** How one request is tried again before its collection is reported with an error. */
  retry?: Partial<RetryPolicy> | undefined
  /** Stops the verification, with the signal's own reason. */
  signal?: AbortSignal | undefined
  /** Gets the events of a backfill that occur here too: `requested`, `retry`, `paused`, `storeUnavailable`. */
  onEvent?: BackfillListener | undefined
}

/** A report for each collection, in their order. It stops as a backfiller does: leave the loop, or abort the signal. */
export interface Verification extends Run<CollectionReport, VerificationSummary> {}

/**
 * Reads a relay again, writes nothing, and reports for each collection what both have, only the relay, and only the
 * index. It goes through one collection after the other. A collection that cannot be read to its end is reported with
 * its error.
 *
 * Some relays list their repos in the order of their DIDs: then it merges both lists, in the memory of a few pages. If
 * a repo is out of order, it begins that collection again and compares digests, 8 to 11 bytes for each repo, as with
 * all collections of this relay from then on.
 *
 * The lists are no snapshots: what changes while they are read may show as a difference.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `RelayUnsuitableError` or another
 * `RelayError` when the relay cannot be asked at all, `NotMigratedError`, what `onEvent` throws, the signal's reason
 * when that aborts.
 */
export function verify(options: VerifyOptions): Verification {
  const settings = settingsOf(options)
  const stop = createController()
  const summary: VerificationSummary = {
    relay: settings.lister.relay,
    compared: 0,
    failed: 0,
    both: 0,
    onlyThere: 0,
    onlyHere: 0,
    cost: { requests: 0, pairs: 0, durationMs: 0 },
  }
  return createRun(verifyAll(settings, stop, summary), stop, summary)
}

interface VerifySettings {
  readonly lister: RepoLister
  readonly index: RepoIndex
  readonly collections: readonly string[] | undefined
  readonly sampleSize: number
  readonly memoryBytes: number
  readonly retry: RetryPolicy
  readonly signal: AbortSignal | undefined
  readonly onEvent: BackfillListener
}

const OPTIONS: OptionNames<VerifyOptions> = {
  relay: true,
  index: true,
  collections: true,
  samples: true,
  memoryBytes: true,
  retry: true,
  signal: true,
  onEvent: true,
}

function settingsOf(options: VerifyOptions): VerifySettings {
  refuseUnknown(options, OPTIONS, { meant: { lister: 'relay' } })
  const lister = listerOf(options.relay)
  const { index, collections, signal, onEvent = warnOnce() } = options
  mustHave('index', index, 'listRepos', 'a RepoIndex such as store.index')
  const isList = Array.isArray(collections) && collections.every((nsid) => isValidNsid(nsid))
  const canTell = collections === undefined && index.listCollections !== undefined
  if (!isList && !canTell) {
    throw new InvalidOptionError('collections', 'a list of NSIDs such as app.bsky.feed.post', collections)
  }
  return {
    lister,
    index,
    collections,
    sampleSize: wholeNumber('samples', options.samples ?? 10, 0),
    memoryBytes: wholeNumber('memoryBytes', options.memoryBytes ?? 268_435_456, 1),
    retry: retryPolicy(options.retry),
    signal,
    onEvent,
  }
}

/** What the collections of one verification have in common. */
interface VerifyParts extends ListParts {
  readonly sampleSize: number
  readonly memoryBytes: number
  /** How collections are compared from now on. */
  method: CollectionReport['method']
}

async function* verifyAll(
  settings: VerifySettings,
  stop: AbortController,
  summary: VerificationSummary,
): AsyncGenerator<CollectionReport, VerificationSummary, void> {
  const startedAt = performance.now()
  const { signal } = settings
  signal?.throwIfAborted()
  abortWith(signal, stop)
  const parts: VerifyParts = {
    ...settings,
    signal: stop.signal,
    emit: guardListener(settings.onEvent, stop),
    method: 'merge',
  }
  try {
    tellPauses(parts)
    await checkRelay(parts, settings.collections ?? [])
    for await (const collection of settings.collections ?? collectionsOf(parts)) {
      const report = await compare(collection, parts)
      count(summary, report)
      yield report
    }
  } catch (error) {
    // An abort is the caller's decision, not a failure, and so is leaving the loop.
    if (isLeft(stop.signal)) return summary
    signal?.throwIfAborted()
    throw error
  } finally {
    stop.abort()
    summary.cost.durationMs = Math.round(performance.now() - startedAt)
  }
  return summary
}

async function* collectionsOf(parts: VerifyParts): AsyncGenerator<string, void, void> {
  const { index, signal } = parts
  let at = startOf('the index', 'its list of collections')
  do {
    const request = { cursor: at.cursor, signal }
    const page = await askIndex(async () => index.listCollections?.(request), parts)
    const nsids = page?.collections.map(({ nsid }) => nsid) ?? []
    at = advancePosition(at, { dids: nsids, cursor: page?.cursor })
    yield* nsids
  } while (at.cursor !== undefined)
}

async function compare(collection: string, parts: VerifyParts): Promise<CollectionReport> {
  const startedAt = performance.now()
  const { relay } = parts.lister
  const cost = { requests: 0, pairs: 0, durationMs: 0 }
  const reading = { ...parts, collection, lister: counting(parts.lister, cost) }
  const reported = (outcome: Pick<CollectionReport, 'differences' | 'error'>): CollectionReport => {
    cost.durationMs = Math.round(performance.now() - startedAt)
    return { relay, collection, ...outcome, method: parts.method, cost }
  }
  try {
    if (parts.method === 'merge') {
      const differences = await mergeLists(collection, parts.sampleSize, reading)
      if (differences !== undefined) return reported({ differences })
      // The order is a matter of the relay's software: no other collection needs to find that out again.
      parts.method = 'hash'
    }
    return reported({ differences: await hashLists(reading) })
  } catch (error) {
    // An abort is the caller's decision, and without tables nothing can be read; else it is one collection's trouble.
    parts.signal.throwIfAborted()
    if (endsRun(error)) throw error
    return reported({ error })
  }
}

function counting(lister: RepoLister, cost: VerificationCost): RepoLister {
  return {
    relay: lister.relay,
    async listRepos(request) {
      cost.requests += 1
      const page = await lister.listRepos(request)
      cost.pairs += page.dids.length
      return page
    },
  }
}

function count(summary: VerificationSummary, { differences, cost }: CollectionReport): void {
  summary.cost.requests += cost.requests
  summary.cost.pairs += cost.pairs
  if (differences === undefined) {
    summary.failed += 1
    return
  }
  summary.compared += 1
  summary.both += differences.both
  summary.onlyThere += differences.onlyThere
  summary.onlyHere += differences.onlyHere
}

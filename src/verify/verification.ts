import pLimit from 'p-limit'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { checkRelay, tellPauses } from '../paging/fetch-page.ts'
import { endsRun } from '../run/failure-policy.ts'
import { indexCollections } from '../run/index-reading.ts'
import { guardListener } from '../run/listener.ts'
import { startRun } from '../run/start-run.ts'
import { abortable, createController, settledWithin } from '../util/abort.ts'
import { CLOSE_MS } from '../util/merge-streams.ts'
import type { Run } from '../util/run-iterator.ts'
import { createDigestMemory, type DigestMemory } from './digest-memory.ts'
import { hashLists } from './hash-lists.ts'
import { type ListParts, namesOf } from './lists.ts'
import { mergeLists } from './merge-lists.ts'
import { createMender } from './repair.ts'
import {
  type CollectionReport,
  countReport,
  emptySummary,
  type VerificationCost,
  type VerificationSummary,
} from './verification-report.ts'
import { type VerifyOptions, type VerifySettings, verifySettingsOf } from './verify-options.ts'

/** A report for each collection, in their order. It stops as a backfiller does: leave the loop, or abort the signal. */
export interface Verification extends Run<CollectionReport, VerificationSummary> {}

/**
 * Reads a relay again and reports for each collection what both have, only the relay, and only the index. Some collections
 * are read at once, and reported in their order. A collection that cannot be read to its end is reported with its error, and
 * so is one of several pages during which the relay's cursors changed their meaning: nothing of it is removed then. It
 * writes nothing, unless it is told to `repair`.
 *
 * Some relays list their repos in the order of their DIDs: then it merges both lists, in the memory of a few pages. If
 * a repo is out of order, it begins that collection again and compares digests, 8 to 11 bytes for each repo, as with
 * all collections of this relay from then on.
 *
 * The lists are no snapshots: what changes while they are read may show as a difference.
 *
 * A repair removes a pair only if the index held it before the relay's list was read, that list does not have it from
 * beginning to end, and the index still holds it. So it removes nothing that a live feed brought meanwhile. Then it reads
 * the list again, and adds what that names of the removed pairs: repos that came back while their pairs were removed. A
 * repair that broke off has changed a part, and the next one does the rest.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `RelayUnsuitableError` or another
 * `RelayError` when the relay cannot be asked at all, `NotMigratedError`, what `onEvent` throws, the signal's reason
 * when that aborts.
 */
export function verify(options: VerifyOptions): Verification {
  const settings = verifySettingsOf(options)
  const stop = createController()
  const summary = emptySummary(namesOf(settings.listers))
  const end = (durationMs: number) => {
    summary.cost.durationMs = durationMs
  }
  const counts = { summary, end }
  return startRun(() => verifyAll(settings, stop, summary), { signal: settings.signal, stop, counts })
}

/** What the collections of one verification have in common. */
interface VerifyParts extends ListParts, Pick<VerifySettings, 'repair' | 'sampleSize'> {
  /** How collections are compared from now on. */
  method: CollectionReport['method']
  /** Resolves once the method was tried on some pages. */
  readonly methodTried: PromiseWithResolvers<void>
  /** How many repos the index is expected to have in a collection; nothing where it cannot tell. */
  readonly expected: (collection: string) => number | undefined
  readonly memory: DigestMemory
}

async function* verifyAll(
  settings: VerifySettings,
  stop: AbortController,
  summary: VerificationSummary,
): AsyncGenerator<CollectionReport, void, void> {
  const { index } = settings
  const sizes = new Map<string, number | undefined>()
  const canTell = index.listCollections !== undefined
  const parts: VerifyParts = {
    ...settings,
    relay: namesOf(settings.listers),
    signal: stop.signal,
    emit: guardListener(settings.onEvent, stop),
    // Only one list can be merged with that of the index, and what is removed is decided by digests.
    method: settings.listers.length === 1 && settings.repair === undefined ? 'merge' : 'hash',
    methodTried: Promise.withResolvers(),
    expected: (collection) => (canTell ? (sizes.get(collection) ?? 0) : undefined),
    memory: createDigestMemory(settings.memoryBytes),
  }
  const named = settings.collections ?? []
  for (const lister of settings.listers) tellPauses({ ...parts, lister })
  for (const lister of settings.listers) await checkRelay({ ...parts, lister }, named)
  for await (const { nsid, estimatedRepos } of indexCollections(parts)) sizes.set(nsid, estimatedRepos)
  for await (const report of compareAll(settings.collections ?? [...sizes.keys()], settings, parts, stop)) {
    countReport(summary, report)
    yield report
  }
}

/** Reports that wait for one before them, and comparisons under way. */
const MOST_AHEAD = 256

/** Compares some at once, and reports in the order in which they are given. */
async function* compareAll(
  collections: readonly string[],
  { concurrency }: Pick<VerifySettings, 'concurrency'>,
  parts: VerifyParts,
  stop: AbortController,
): AsyncGenerator<CollectionReport, void, void> {
  const limit = pLimit(concurrency)
  const start = async (collection: string, isFirst: boolean) => {
    // The first one finds out whether the relay lists in order, so that the others need not.
    if (!isFirst) await abortable(parts.methodTried.promise, parts.signal)
    parts.signal.throwIfAborted()
    return await compare(collection, parts)
  }
  const ahead: Promise<CollectionReport>[] = []
  try {
    for (const [i, collection] of collections.entries()) {
      const report = limit(start, collection, i === 0)
      // An error that ends it does so at once, whatever is reported before.
      report.catch((error) => stop.abort(error))
      ahead.push(report)
      const next = ahead.length < MOST_AHEAD ? undefined : ahead.shift()
      if (next !== undefined) yield await next
    }
    for (const next of ahead) yield await next
  } finally {
    stop.abort()
    await settledWithin(CLOSE_MS, Promise.allSettled(ahead))
  }
}

async function compare(collection: string, parts: VerifyParts): Promise<CollectionReport> {
  const startedAt = performance.now()
  const { relay, methodTried } = parts
  const cost = { requests: 0, pairs: 0, durationMs: 0 }
  const listers = parts.listers.map((lister) => counting(lister, cost))
  const reading = { ...parts, collection, listers, onPages: methodTried.resolve }
  const mender = parts.repair && createMender(collection, reading, parts.repair)
  let { method } = parts
  const reported = (outcome: Pick<CollectionReport, 'differences' | 'error'>): CollectionReport => {
    cost.durationMs = Math.round(performance.now() - startedAt)
    const repaired = mender && { repaired: mender.repaired }
    return { relay, collection, ...outcome, ...repaired, method, cost }
  }
  try {
    if (method === 'merge') {
      const differences = await mergeLists(collection, parts.sampleSize, reading)
      if (differences !== undefined) return reported({ differences })
      // The order is a matter of the relay's software: no other collection needs to find that out again.
      method = parts.method = 'hash'
    }
    methodTried.resolve()
    using memory = await parts.memory.share(parts.expected(collection), parts.signal)
    return reported({ differences: await hashLists({ ...reading, memory, mender }) })
  } catch (error) {
    // An abort is the caller's decision, and without tables nothing can be read; else it is one collection's trouble.
    parts.signal.throwIfAborted()
    if (endsRun(error)) throw error
    return reported({ error })
  } finally {
    methodTried.resolve()
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

import type { IndexBatch } from '../contracts/index-sink.ts'
import { BackfillError, isBackfillError } from '../errors.ts'
import type { FetchedPage } from '../paging/prefetch.ts'
import { endsRun } from '../run/failure-policy.ts'
import { childController } from '../util/abort.ts'
import { isFinal, type RetryPolicy, retrying } from '../util/retry.ts'
import { type DescribedRepo, isHostError } from './describe-repo.ts'
import { readDidDocument } from './did-document.ts'
import type { ReadHost } from './host-address.ts'
import type { HostClient } from './host-client.ts'
import type { EmitCrawl } from './host-events.ts'
import { leftOutError } from './left-out.ts'

/** A page of a host's repos with what each of them holds. */
export interface ReposPage extends FetchedPage {
  /** By collection, in the order of the names: two hosts whose pages have the same ones cannot be a deadlock. */
  readonly batches: readonly IndexBatch[]
  readonly described: number
  readonly absent: number
  /** The repos that could not be read, with what came of them. */
  readonly failures: readonly { readonly did: string; readonly error: unknown }[]
  /** Repos with more collections than are taken of one. */
  readonly cut: number
}

export interface RepoReaderParts {
  readonly client: HostClient
  readonly retry: RetryPolicy
  /** The longest wait that a host may ask for in the middle of a page, in milliseconds. */
  readonly longestWaitMs: number
  readonly emit: EmitCrawl
  /** How the hosts are read that documents of DIDs name. */
  readonly readHost: ReadHost
  /** Whether these are repos that failed before: then each is asked for once, and no number of failures is their host's. */
  readonly isRetry: boolean
}

/** How many repos of one host are asked for at once: at eight requests a second, answers may take two seconds. */
const REPOS_AT_ONCE = 16

/** How often a repo is asked for again whose host answers for others. */
const REPO_RETRIES = 2

/** So many repos in a row without an answer in between, and it is their host that fails. */
const MOST_FAILED_IN_A_ROW = 20

/** The most pairs that are taken of one page: an account has some ten collections, and a page 500 accounts. */
const MOST_PAIRS = 200_000

/** What a repo comes to: what it holds, or why it has nothing here. */
type Outcome = Held | 'absent' | { readonly error: unknown }
type Held = Pick<DescribedRepo, 'collections' | 'leftOut'>

/** Asks a host for each repo of a page. */
export interface RepoReader {
  /**
   * A repo that fails is not its host's failure, as long as the host answers: for another repo since, or when it is asked
   * for its list. Then it is among the failures of the page. If the host does not answer, or twenty repos in a row fail, the page
   * fails with the error.
   */
  read(page: FetchedPage, signal: AbortSignal): Promise<ReposPage>
}

export function createRepoReader({
  client,
  retry,
  longestWaitMs,
  emit,
  readHost,
  isRetry,
}: RepoReaderParts): RepoReader {
  const host = client.lister.relay
  let answeredAt = Number.NEGATIVE_INFINITY
  let failedInARow = 0
  /** On this page or one before. */
  let hasAnswered = isRetry
  const repoRetries = isRetry ? 0 : REPO_RETRIES

  async function ask(did: string, signal: AbortSignal): Promise<Outcome> {
    const startedAt = performance.now()
    const durationMs = () => performance.now() - startedAt
    try {
      const description = await client.describeRepo(did, signal)
      answeredAt = performance.now()
      failedInARow = 0
      hasAnswered = true
      emit({ type: 'requested', host, did, durationMs: durationMs() })
      return description.state === 'active' && !isElsewhere(did, description) ? description : 'absent'
    } catch (error) {
      signal.throwIfAborted()
      emit({ type: 'requested', host, did, durationMs: durationMs(), error })
      throw error
    }
  }

  /** Whether the host itself gives a document of the DID that names another host: the repo has moved, or was never here. */
  function isElsewhere(did: string, { document }: DescribedRepo): boolean {
    if (document === undefined) return false
    const resolved = readDidDocument(did, document, readHost)
    return resolved.state === 'found' && resolved.host !== host
  }

  async function readOne(did: string, signal: AbortSignal): Promise<Outcome> {
    let failedAt = Number.POSITIVE_INFINITY
    let failures = 0
    const mayRetry = (error: unknown) => {
      failedAt = Math.min(failedAt, performance.now())
      failures += 1
      if (isFinal(error)) return false
      const waitsForHost = isTooMany(error) || (isHostError(error) && answeredAt < failedAt)
      return waitsForHost || failures <= repoRetries
    }
    try {
      return await retrying(() => ask(did, signal), {
        ...retry,
        longestWaitMs,
        signal,
        mayRetry,
        onRetry: (context) => emit({ type: 'retry', host, did, ...context }),
      })
    } catch (error) {
      // An abort is the caller's decision, not a failure of the repo.
      signal.throwIfAborted()
      if (isNoRepos(error) || (await isOfHost(error, failedAt, signal))) throw error
      return { error }
    }
  }

  async function isOfHost(error: unknown, failedAt: number, signal: AbortSignal): Promise<boolean> {
    failedInARow += 1
    if (!isRetry && failedInARow >= MOST_FAILED_IN_A_ROW) {
      // One that has described a repo, or is out of order by now, is no relay.
      const isRelay = !hasAnswered && lacksMethod(error) && (await client.answers(signal))
      if (isRelay) throw leftOutError('does not describe its repos, as relays do not')
      return true
    }
    return isHostError(error) && answeredAt < failedAt && !(await client.answers(signal))
  }

  function count(
    did: string,
    { collections, leftOut }: Held,
    counts: { described: number; cut: number },
  ): void {
    counts.described += 1
    if (leftOut === 0) return
    counts.cut += 1
    emit({ type: 'repoCut', host, did, taken: collections.length, leftOut })
  }

  return {
    async read(page, signal) {
      hasAnswered ||= page.next.pages > 1
      const reading = childController(signal)
      const left = page.page.dids.values()
      const pairs = createPairs()
      const counts = { described: 0, absent: 0, cut: 0 }
      const failures: { did: string; error: unknown }[] = []
      const readInto = async (did: string) => {
        const outcome = await readOne(did, reading.signal)
        if (outcome === 'absent') counts.absent += 1
        else if ('error' in outcome) failures.push({ did, ...outcome })
        else if (!pairs.add(did, outcome)) failures.push({ did, error: tooManyPairs(host) })
        else count(did, outcome, counts)
      }
      // They share one iterator: a promise for each repo of each host's page would take most of the memory.
      const readSome = async () => {
        for (const did of left) await readInto(did)
      }
      try {
        await Promise.all(Array.from({ length: REPOS_AT_ONCE }, readSome))
      } finally {
        reading.abort()
      }
      const flags = counts.cut > 0 ? (['reposCut'] as const) : undefined
      return { ...page, batches: pairs.batches(host), flags, failures, ...counts }
    },
  }
}

/** Whether an error says nothing of the repo: the claim is lost, the program is wrong, or there were too many requests. */
function isNoRepos(error: unknown): boolean {
  return endsRun(error) || isBackfillError(error, 'CLAIM_LOST') || isTooMany(error)
}

/** Whether the host takes no more requests for now, which says nothing of the repo. */
function isTooMany(error: unknown): boolean {
  return isBackfillError(error, 'RELAY_STATUS') && (error.status === 429 || error.retryAfterMs !== undefined)
}

/** Whether a server answers as one without the method does. */
function lacksMethod(error: unknown): boolean {
  return isBackfillError(error, 'RELAY_STATUS') && [404, 405, 501].includes(error.status ?? 0)
}

function tooManyPairs(host: string): BackfillError {
  return new BackfillError(
    'TOO_MANY_PAIRS',
    `${host} names more than ${MOST_PAIRS} pairs on one page; those of this repo were not taken.`,
  )
}

/** The pairs of one page. */
function createPairs() {
  const pairs = new Map<string, string[]>()
  let count = 0
  return {
    /** @returns false where they would be too many */
    add(did: string, { collections }: Held): boolean {
      if (count + collections.length > MOST_PAIRS) return false
      count += collections.length
      for (const nsid of collections) {
        const dids = pairs.get(nsid)
        if (dids === undefined) pairs.set(nsid, [did])
        else dids.push(did)
      }
      return true
    },
    batches(relay: string): IndexBatch[] {
      const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : 1))
      return sorted.map(([collection, dids]) => ({ relay, collection, dids }))
    },
  }
}

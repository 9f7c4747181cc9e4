import { isBackfillError } from '../errors.ts'
import { endsRun } from '../run/failure-policy.ts'
import { isFinal, type RetryPolicy, retrying } from '../util/retry.ts'
import { type DescribedRepo, isHostError } from './describe-repo.ts'
import { readDidDocument } from './did-document.ts'
import type { ReadHost } from './host-address.ts'
import type { HostClient } from './host-client.ts'
import type { EmitCrawl } from './host-events.ts'
import { leftOutError } from './left-out.ts'
import { isPublicName } from './public-name.ts'

export interface RepoAskerParts {
  readonly client: HostClient
  /** Scheme, name and port of the host. */
  readonly origin: string
  readonly retry: RetryPolicy
  /** The longest wait that a host may ask for in the middle of a page, in milliseconds. */
  readonly longestWaitMs: number
  readonly emit: EmitCrawl
  /** How the hosts are read that documents of DIDs name. */
  readonly readHost: ReadHost
  /** Whether these are repos that failed before: then each is asked for once, and no number of failures is their host's. */
  readonly isRetry: boolean
}

/** How often a repo is asked for again whose host answers for others. */
const REPO_RETRIES = 2

/** So many repos in a row without an answer in between, and it is their host that fails. */
const MOST_FAILED_IN_A_ROW = 20

/** What a repo comes to: what it holds, or why it has nothing here. */
export type RepoOutcome = HeldRepo | 'absent' | { readonly error: unknown }
export type HeldRepo = Pick<DescribedRepo, 'collections' | 'leftOut'>

/** Asks a host for one repo after the other, and tells a repo's failure from its host's. */
export interface RepoAsker {
  /**
   * @param isFirstPage whether the host has given no earlier page of repos
   * @throws the error where it is the host that fails, the claim is lost or the program is wrong; the signal's reason
   */
  ask(did: string, isFirstPage: boolean, signal: AbortSignal): Promise<RepoOutcome>
}

export function createRepoAsker(parts: RepoAskerParts): RepoAsker {
  const { client, origin, retry, longestWaitMs, emit, readHost, isRetry } = parts
  const host = client.lister.relay
  /** A host that is asked by a name of one's own network has another one in the documents of its DIDs. */
  const hasPublicName = isPublicName(new URL(origin).hostname)
  const repoRetries = isRetry ? 0 : REPO_RETRIES
  let answeredAt = Number.NEGATIVE_INFINITY
  let failedInARow = 0
  let hasAnswered = isRetry

  async function askOnce(did: string, signal: AbortSignal): Promise<RepoOutcome> {
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
    if (document === undefined || !hasPublicName) return false
    const resolved = readDidDocument(did, document, readHost)
    return resolved.state === 'found' && resolved.host !== host
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

  return {
    async ask(did, isFirstPage, signal) {
      hasAnswered ||= !isFirstPage
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
        return await retrying(() => askOnce(did, signal), {
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

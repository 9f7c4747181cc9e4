import type { IndexReposEvent, RepoEvent } from '../contracts/index-repos-events.ts'
import { isBackfillError } from '../errors.ts'
import type { HttpClient } from '../http/client.ts'
import type { Pacing } from '../http/pacing.ts'
import { endsRun } from '../run/failure-policy.ts'
import { isFinal, LONGEST_WAIT_MS, type RetryPolicy, retrying } from '../util/retry.ts'
import { boundedCache } from './bounded-cache.ts'
import { describeRepo, isUnreachable, type RepoDescription } from './describe-repo.ts'
import type { FoundHost, ResolvedDid } from './did-document.ts'
import type { HostFinder } from './host-finder.ts'
import type { HostPaces } from './host-paces.ts'

/** What a look at one repo has found. */
export interface RepoFound
  extends Pick<RepoEvent, 'did' | 'state' | 'host' | 'handle' | 'reason' | 'error' | 'leftOut'> {
  /** All that its host names; none but for an `active` one. */
  readonly collections: readonly string[]
  /** Whether these are all that it has. */
  readonly isWhole: boolean
}

export interface RepoLookParts {
  readonly finder: HostFinder
  readonly http: HttpClient
  readonly paces: HostPaces
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  emit(event: IndexReposEvent): void
}

/** Looks at repos at their hosts. */
export interface RepoLook {
  /** Finds out all of one repo, with the requests that this takes. Rejects where the run has to end alone. */
  at(did: string): Promise<RepoFound>
}

/** How long a host that does not answer is not asked again, in milliseconds. */
const ASIDE_MS = 60_000

/** How many hosts are remembered. */
const MOST_HOSTS = 10_000

/** How often a request is made again that was one too many: each waits for the server's pause, and these grow to a minute. */
const MOST_REFUSALS = 30

export function createRepoLook(parts: RepoLookParts): RepoLook {
  const { finder, http, paces, retry, signal, emit } = parts
  /** Hosts that did not answer: since when, and what they did instead. */
  const aside = boundedCache<{ readonly until: number; readonly error: unknown }>(MOST_HOSTS)
  const answeredAt = boundedCache<number>(MOST_HOSTS)

  async function again<T>(did: string, host: string | undefined, ask: () => Promise<T>): Promise<T> {
    for (let refusals = 0; ; refusals += 1) {
      try {
        return await retrying(ask, {
          ...retry,
          longestWaitMs: LONGEST_WAIT_MS,
          signal,
          mayRetry: (error) => !isFinal(error) && !endsRun(error),
          onRetry: (context) => emit({ type: 'retry', did, host, ...context }),
        })
      } catch (error) {
        const isOneTooMany = isBackfillError(error, 'RELAY_STATUS') && error.status === 429
        if (!isOneTooMany || refusals === MOST_REFUSALS) throw error
      }
    }
  }

  async function describe(did: string, { host, origin }: FoundHost): Promise<RepoDescription> {
    const run = counted(paces.of(host, origin), { host, did }, emit)
    const client: HttpClient = { get: (request) => run(request.signal, () => http.get(request)) }
    const beganAt = performance.now()
    const down = aside.get(host)
    if (down !== undefined && beganAt < down.until) throw down.error
    try {
      const description = await again(did, host, () => describeRepo(client, { did, host, origin, signal }))
      aside.delete(host)
      answeredAt.set(host, performance.now())
      return description
    } catch (error) {
      signal.throwIfAborted()
      // Not for what it does with this repo alone, while it answers for others.
      const isDown = isUnreachable(error) && (answeredAt.get(host) ?? Number.NEGATIVE_INFINITY) < beganAt
      if (isDown) aside.set(host, { until: performance.now() + ASIDE_MS, error })
      throw error
    }
  }

  async function lookOnce(did: string): Promise<RepoFound> {
    const none = { did, collections: [], isWhole: false }
    let resolved: ResolvedDid
    try {
      resolved = await again(did, undefined, () => finder.find(did, signal))
    } catch (error) {
      signal.throwIfAborted()
      if (endsRun(error)) throw error
      return { ...none, state: 'failed', error }
    }
    if (resolved.state !== 'found') return { ...none, state: resolved.state, reason: resolved.reason }
    const { host, handle } = resolved
    try {
      const description = await describe(did, resolved)
      if (description.state !== 'active') return { ...none, ...description, host, handle }
      const { collections, leftOut } = description
      const cut = leftOut > 0 ? { leftOut } : {}
      return { did, state: 'active', host, handle, collections, isWhole: leftOut === 0, ...cut }
    } catch (error) {
      signal.throwIfAborted()
      if (endsRun(error)) throw error
      return { ...none, state: 'failed', host, handle, error }
    }
  }

  return {
    async at(did) {
      const known = finder.isKnown(did)
      const found = await lookOnce(did)
      // It may have moved since its host was found.
      if (!known || (found.state !== 'notFound' && found.state !== 'deactivated')) return found
      finder.forget(did)
      return lookOnce(did)
    },
  }
}

/** Tells of each request that it makes. */
export function counted(
  run: Pacing['run'],
  asked: { readonly host: string; readonly did?: string },
  emit: (event: IndexReposEvent) => void,
): Pacing['run'] {
  return async (signal, send) => {
    const begunAt = performance.now()
    const tell = (error?: unknown) => {
      const durationMs = performance.now() - begunAt
      emit({ type: 'requested', ...asked, durationMs, ...(error !== undefined && { error }) })
    }
    try {
      const answer = await run(signal, send)
      tell()
      return answer
    } catch (error) {
      signal?.throwIfAborted()
      tell(error)
      throw error
    }
  }
}

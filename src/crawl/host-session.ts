import type { Claim } from '../contracts/progress-store.ts'
import { ClaimLostError, RelayError } from '../errors.ts'
import { type AskParts, tellPauses } from '../paging/fetch-page.ts'
import type { Lease } from '../run/lease.ts'
import { createRelayPauses } from '../run/relay-pauses.ts'
import { createController } from '../util/abort.ts'
import type { RepoAskerParts } from './ask-repo.ts'
import { pauseScope } from './crawl-scopes.ts'
import { createHostClient, type HostClient, LIST_REPOS } from './host-client.ts'
import { asCrawlEvents } from './host-events.ts'
import { type HostWorkParts, paceOf } from './host-work-parts.ts'
import { leftOutError } from './left-out.ts'

/** The longest wait that is sat out in the middle of a page, with what is known of it, in milliseconds. */
const LONGEST_WAIT_IN_PAGE_MS = 600_000

/** One host, asked under a claim, at its pace and with the pauses that it asks for. */
export interface HostSession {
  readonly client: HostClient
  /** How its list is asked for. */
  readonly asking: Omit<HostWorkParts, 'emit'> & AskParts
  /** How its repos are asked for. */
  readonly reading: Omit<RepoAskerParts, 'isRetry'>
  /** Requests may be made, as long as the claim holds, and pauses are kept. @returns what ends that */
  begin(lease: Lease): () => Promise<void>
  /**
   * Waits for a pause that the host asked an earlier worker for.
   *
   * @throws `leftOutError` where the host is not to be asked; RelayError where the pause is a long one
   */
  sitOut(held: AbortSignal): Promise<void>
}

export function createHostSession(claim: Claim, host: string, parts: HostWorkParts): HostSession {
  const { rules, retry, emit, progress, stop, http, places, pageSize, requestsPerSecond, rates } = parts
  const told = asCrawlEvents(emit, host)
  const judged = rules.judge({ host })
  const address = 'problem' in judged ? { host, origin: 'https://left-out.invalid' } : judged
  const group = paceOf(address.origin, parts)
  const scope = group?.scope ?? pauseScope(host)
  const pauses = createRelayPauses({ relay: scope, progress, emit: told, stop })
  // Whoever asked this host before may have done so a moment ago.
  const own = rates.of(address.host, requestsPerSecond, 1_000 / requestsPerSecond)
  let isHeld: Lease['isHeld'] = () => true
  const client = createHostClient({
    address,
    http,
    places,
    rates: group === undefined ? [own] : [own, group.rate],
    pageSize,
    mustHold() {
      if (!isHeld()) throw new ClaimLostError(claim)
    },
  })
  const asking = {
    ...parts,
    lister: client.lister,
    listName: LIST_REPOS,
    longestWaitMs: LONGEST_WAIT_IN_PAGE_MS,
    keepPause: pauses.keep,
    emit: told,
  }
  return {
    client,
    asking,
    reading: {
      client,
      origin: address.origin,
      retry,
      longestWaitMs: LONGEST_WAIT_IN_PAGE_MS,
      emit,
      readHost: rules.read,
    },
    begin(lease) {
      const telling = createController()
      isHeld = lease.isHeld
      tellPauses({ ...asking, signal: telling.signal })
      return async () => {
        telling.abort()
        await pauses.end()
      }
    },
    async sitOut(held) {
      if ('problem' in judged) throw leftOutError(judged.problem)
      const { relayPauseMs = 0 } = await progress.remaining(scope)
      if (relayPauseMs <= retry.maxDelayMs) return pauses.sitOut(scope, held)
      throw new RelayError('RELAY_STATUS', `${host} asked for a pause that is not over.`, {
        relay: host,
        retryable: true,
        retryAfterMs: relayPauseMs,
      })
    },
  }
}

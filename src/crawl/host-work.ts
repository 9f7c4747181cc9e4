import type { HostPageEvent } from '../contracts/crawl-events.ts'
import type { Claim, ProgressStore } from '../contracts/progress-store.ts'
import { ClaimLostError, RelayError } from '../errors.ts'
import type { Rate } from '../http/pacing.ts'
import { tellPauses } from '../paging/fetch-page.ts'
import type { Committed } from '../run/commit.ts'
import { throwAsRelayFailure } from '../run/failure-policy.ts'
import type { Lease } from '../run/lease.ts'
import type { Patience } from '../run/patient-store.ts'
import { createRelayPauses, type RelayPauses } from '../run/relay-pauses.ts'
import { walkPages } from '../run/walk.ts'
import type { ClaimWork, WorkStep } from '../run/worker-pool.ts'
import { createController } from '../util/abort.ts'
import type { CrawlSettings } from './crawl-options.ts'
import { pauseScope } from './crawl-scopes.ts'
import type { HostAddress } from './host-address.ts'
import { createHostClient, type HostClient, LIST_REPOS } from './host-client.ts'
import { asCrawlEvents, type EmitCrawl } from './host-events.ts'
import { leftOutError } from './left-out.ts'
import { createRepoReader, type ReposPage } from './page-repos.ts'

/** What the work on all hosts of a run has in common. */
export interface HostWorkParts extends CrawlSettings {
  /** Waits by itself while it is unavailable. */
  readonly progress: ProgressStore
  readonly patience: Patience
  readonly signal: AbortSignal
  /** Ends the run. */
  readonly stop: AbortController
  readonly emit: EmitCrawl
  /** The rate that the hosts of a group share, and the scope that keeps the group's pauses. Absent for single hosts. */
  readonly group?: { readonly rate: Rate; readonly scope: string } | undefined
}

/** The longest wait that is sat out in the middle of a page, with what is known of it, in milliseconds. */
const LONGEST_WAIT_IN_PAGE_MS = 600_000

/** Walks the repos of one host, page by page, and asks for the collections of each. */
export function hostWork(claim: Claim, parts: HostWorkParts): ClaimWork<HostPageEvent> {
  const { rules, signal, retry, group, emit, progress, stop } = parts
  const { collection: host } = claim
  const scope = group?.scope ?? pauseScope(host)
  const told = asCrawlEvents(emit, host)
  const address = rules.judge({ host })
  const pauses = createRelayPauses({ relay: scope, progress, emit: told, stop })
  let isHeld: Lease['isHeld'] = () => true
  const client = clientOf(
    'problem' in address ? { host, origin: 'https://left-out.invalid' } : address,
    parts,
    () => {
      if (!isHeld()) throw new ClaimLostError(claim)
    },
  )
  const asking = {
    ...parts,
    lister: client.lister,
    listName: LIST_REPOS,
    longestWaitMs: LONGEST_WAIT_IN_PAGE_MS,
    keepPause: pauses.keep,
    emit: told,
  }
  const reader = createRepoReader({ client, retry, longestWaitMs: LONGEST_WAIT_IN_PAGE_MS, emit })

  async function begin(held: AbortSignal): Promise<void> {
    if ('problem' in address) throw leftOutError(address.problem)
    await sitOut(pauses, { scope, host, progress, held, maxDelayMs: retry.maxDelayMs })
    // A relay that passes for a host would list the whole network.
    if (claim.cursor === undefined && (await client.listsHosts(held)))
      throw leftOutError('is a relay: it lists hosts')
  }

  async function* steps(lease: Lease): AsyncGenerator<WorkStep<HostPageEvent>, void, void> {
    const telling = createController()
    isHeld = lease.isHeld
    tellPauses({ ...asking, signal: telling.signal })
    try {
      await begin(lease.signal).catch(throwAsRelayFailure)
      const walk = { parts: { ...asking, pagesAhead: 1 }, held: lease.signal, complete: reader.read }
      for await (const committed of walkPages(claim, walk)) {
        const event = pageEvent(host, committed)
        emit(event)
        yield { event, claim: committed.claim, completed: event.completed }
      }
    } finally {
      telling.abort()
      await pauses.end()
    }
  }

  return { asking: { ...asking, signal }, emit: told, steps }
}

function clientOf(address: HostAddress, parts: HostWorkParts, mustHold: () => void): HostClient {
  const { http, pageSize, requestsPerSecond, group } = parts
  // Whoever asked this host before may have done so a moment ago.
  const own = parts.rates.of(address.host, requestsPerSecond, 1_000 / requestsPerSecond)
  const rates = group === undefined ? [own] : [own, group.rate]
  return createHostClient({ address, http, rates, pageSize, mustHold })
}

interface KeptPause {
  readonly scope: string
  readonly host: string
  readonly progress: ProgressStore
  readonly held: AbortSignal
  readonly maxDelayMs: number
}

/** Waits for a pause that the host asked an earlier worker for; a long one sets it aside. */
async function sitOut(
  pauses: RelayPauses,
  { scope, host, progress, held, maxDelayMs }: KeptPause,
): Promise<void> {
  const { relayPauseMs = 0 } = await progress.remaining(scope)
  if (relayPauseMs <= maxDelayMs) return pauses.sitOut(scope, held)
  throw new RelayError('RELAY_STATUS', `${host} asked for a pause that is not over.`, {
    relay: host,
    retryable: true,
    retryAfterMs: relayPauseMs,
  })
}

function pageEvent(host: string, { claim, pages, added, durationMs }: Committed<ReposPage>): HostPageEvent {
  const sum = (count: (page: ReposPage) => number) => pages.reduce((total, page) => total + count(page), 0)
  const batches = pages.flatMap((page) => page.batches)
  return {
    type: 'page',
    host,
    collections: new Map(batches.map(({ collection, dids }) => [collection, dids])),
    described: sum(({ described }) => described),
    inactive: sum(({ page }) => page.inactive ?? 0),
    absent: sum(({ absent }) => absent),
    failed: sum(({ failed }) => failed),
    cut: sum(({ cut }) => cut),
    pairs: batches.reduce((total, { dids }) => total + dids.length, 0),
    added,
    invalid: claim.invalid,
    pages: claim.pages,
    repos: claim.imported,
    cursor: claim.cursor,
    completed: claim.cursor === undefined,
    durationMs,
  }
}

import type { HostPageEvent } from '../contracts/crawl-events.ts'
import type { Claim } from '../contracts/progress-store.ts'
import { RelayError } from '../errors.ts'
import type { FetchedPage } from '../paging/prefetch.ts'
import type { Committed } from '../run/commit.ts'
import { throwAsRelayFailure } from '../run/failure-policy.ts'
import type { Lease } from '../run/lease.ts'
import { walkPages } from '../run/walk.ts'
import type { ClaimWork, WorkStep } from '../run/worker-pool.ts'
import { keepFailedRepos } from './failed-repos.ts'
import { asCrawlEvents } from './host-events.ts'
import { createHostSession } from './host-session.ts'
import type { HostWorkParts } from './host-work-parts.ts'
import { leftOutError } from './left-out.ts'
import { createRepoReader, type ReposPage } from './page-repos.ts'

/** Walks the repos of one host, page by page, and asks for the collections of each. */
export function hostWork(claim: Claim, parts: HostWorkParts): ClaimWork<HostPageEvent> {
  const { signal, emit, group } = parts
  const { collection: host } = claim
  const { client, asking, reading, ...session } = createHostSession(claim, host, parts)
  const reader = createRepoReader({ ...reading, isRetry: false })

  async function begin(held: AbortSignal): Promise<void> {
    await session.sitOut(held)
    // A relay that passes for a host would list the whole network.
    if (claim.cursor === undefined && (await client.listsHosts(held)))
      throw leftOutError('is a relay: it lists hosts')
  }

  /** Before the page is committed: no crash may lose what failed. */
  async function complete(page: FetchedPage, held: AbortSignal): Promise<ReposPage> {
    if (page.next.pages * parts.pageSize > MOST_REPOS) throw endlessList(host)
    const read = await reader.read(page, held)
    if (read.failures.length === 0) return read
    const dids = read.failures.map(({ did }) => did)
    const willRetry = await keepFailedRepos(group?.name ?? host, { host, dids }, { ...parts, signal: held })
    for (const { did, error } of read.failures) emit({ type: 'repoFailed', host, did, error, willRetry })
    return willRetry ? read : { ...read, flags: [...(read.flags ?? []), 'reposFailed'] }
  }

  async function* steps(lease: Lease): AsyncGenerator<WorkStep<HostPageEvent>, void, void> {
    const end = session.begin(lease)
    try {
      await begin(lease.signal).catch(throwAsRelayFailure)
      const walk = { parts: { ...asking, pagesAhead: 1 }, held: lease.signal, complete }
      for await (const committed of walkPages(claim, walk)) {
        const event = pageEvent(host, committed)
        emit(event)
        yield { event, claim: committed.claim, completed: event.completed }
      }
    } finally {
      await end()
    }
  }

  return { asking: { ...asking, signal }, emit: asCrawlEvents(emit, host), steps }
}

/** More than ten times what the largest host of the network lists. */
const MOST_REPOS = 10_000_000

/** A list that makes up accounts has no end, and would keep a worker for ever. */
function endlessList(host: string): RelayError {
  const message = `${host} lists more than ${MOST_REPOS} accounts; the rest of its list is not read.`
  return new RelayError('RELAY_BAD_ANSWER', message, { relay: host, retryable: false })
}

export function pageEvent(
  host: string,
  { claim, pages, added, durationMs }: Committed<ReposPage>,
): HostPageEvent {
  const sum = (count: (page: ReposPage) => number) => pages.reduce((total, page) => total + count(page), 0)
  const batches = pages.flatMap((page) => page.batches)
  return {
    type: 'page',
    host,
    collections: new Map(batches.map(({ collection, dids }) => [collection, dids])),
    described: sum(({ described }) => described),
    inactive: sum(({ page }) => page.inactive ?? 0),
    absent: sum(({ absent }) => absent),
    failed: sum(({ failures }) => failures.length),
    cut: sum(({ cut }) => cut),
    pairs: batches.reduce((total, { dids }) => total + dids.length, 0),
    added,
    invalid: claim.invalid,
    pages: claim.pages,
    repos: claim.imported,
    cursor: claim.cursor,
    completed: claim.cursor === undefined,
    isRetry: false,
    durationMs,
  }
}

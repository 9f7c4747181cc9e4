import type { HostPageEvent } from '../contracts/crawl-events.ts'
import type { BackfillEvent } from '../contracts/events.ts'
import type { Claim } from '../contracts/progress-store.ts'
import { isBackfillError } from '../errors.ts'
import { commitPages } from '../run/commit.ts'
import { endsRun } from '../run/failure-policy.ts'
import type { Lease } from '../run/lease.ts'
import type { ClaimWork, WorkStep } from '../run/worker-pool.ts'
import { isGroup } from './crawl-scopes.ts'
import { failedReposFrom, failedReposText } from './failed-repos.ts'
import { asCrawlEvents } from './host-events.ts'
import { createHostSession } from './host-session.ts'
import { pageEvent } from './host-work.ts'
import { type HostWorkParts, type SharedPace, sharedPace } from './host-work-parts.ts'
import { createRepoReader, type ReposPage } from './page-repos.ts'

/**
 * Asks once more for the repos of a row that failed, of one host after the other. Those that fail again stay in the row,
 * for the next crawl.
 */
export function repoRetryWork(claim: Claim, given: HostWorkParts): ClaimWork<HostPageEvent> {
  const { emit, progress, patience } = given
  const group = isGroup(claim.collection) ? sharedPace(claim.collection, given) : undefined
  const parts = { ...given, group }
  const left = failedReposFrom(claim.cursor)
  const toTell = new Map(left)

  /** What becomes of the row is told by repos. */
  function told(event: BackfillEvent): void {
    if (event.type !== 'collectionFailed') return
    for (const [host, dids] of toTell) tellFailed(host, new Map(dids.map((did) => [did, event.error])))
  }

  function tellFailed(host: string, failed: ReadonlyMap<string, unknown>): void {
    for (const [did, error] of failed) emit({ type: 'repoFailed', host, did, error, willRetry: false })
  }

  async function* steps(lease: Lease): AsyncGenerator<WorkStep<HostPageEvent>, void, void> {
    let at = claim
    for (const [host, dids] of [...left]) {
      const failed = new Map<string, unknown>()
      for (let rest = dids; rest.length > 0; ) {
        const { page, asked } = await readAgain(host, rest, { claim, lease, parts })
        for (const { did, error } of page.failures) failed.set(did, error)
        rest = rest.slice(asked)
        left.set(host, [...failed.keys(), ...rest])
        const next = { ...page.next, pages: at.pages + 1, cursor: failedReposText(left) }
        const commit = { ...parts, emit: asCrawlEvents(emit, host) }
        for await (const committed of commitPages(at, [{ ...page, next }], undefined, commit)) {
          at = committed.claim
          const event = { ...pageEvent(host, committed), ...RETRIED }
          emit(event)
          yield { event, claim: at, completed: at.cursor === undefined }
        }
        toTell.set(host, [...failed.keys(), ...rest])
      }
      toTell.delete(host)
      tellFailed(host, failed)
    }
    if (at.cursor !== undefined) {
      const repos = Array.from(left.values()).flat().length
      const error = `${repos} ${repos === 1 ? 'repo' : 'repos'} could not be read`
      await progress.release(at, { kind: 'failed', error })
    } else if (at === claim) {
      at = await patience.wait(() => progress.advance(claim, { pages: 1, imported: 0, invalid: 0 }))
    }
    yield { claim: at, completed: true }
  }

  return { asking: undefined, emit: told, steps }
}

/** It is no page of the host's list, so it says nothing of how far that is. */
const RETRIED = {
  isRetry: true,
  pages: 0,
  repos: 0,
  invalid: 0,
  cursor: undefined,
  completed: false,
} as const

interface AskedAgain {
  readonly claim: Claim
  readonly lease: Lease
  readonly parts: HostWorkParts & { readonly group: SharedPace | undefined }
}

/**
 * What of these repos can be read now, a page of them. A host that is down, or not to be asked any more, has failed for
 * all of them.
 *
 * @returns how many repos that is, from the first
 */
async function readAgain(
  host: string,
  all: readonly string[],
  { claim, lease, parts }: AskedAgain,
): Promise<{ readonly page: ReposPage; readonly asked: number }> {
  const { signal } = lease
  const session = createHostSession(claim, host, parts)
  const reader = createRepoReader({ ...session.reading, isRetry: true })
  const { relay, collection } = claim
  const pageOf = (dids: readonly string[]) => ({
    page: { dids: [...dids] },
    next: { relay, collection, pages: 0, emptyPages: 0 },
  })
  const end = session.begin(lease)
  try {
    await session.sitOut(signal)
    const dids = all.slice(0, parts.pageSize)
    return { page: await reader.read(pageOf(dids), signal), asked: dids.length }
  } catch (error) {
    signal.throwIfAborted()
    if (endsRun(error) || isBackfillError(error, 'CLAIM_LOST')) throw error
    const none = { batches: [], flags: undefined, described: 0, absent: 0, cut: 0 }
    const failures = all.map((did) => ({ did, error }))
    return { page: { ...pageOf(all), ...none, failures }, asked: all.length }
  } finally {
    await end()
  }
}

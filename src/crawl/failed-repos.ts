import type { Claim, ProgressStore } from '../contracts/progress-store.ts'
import { isBackfillError } from '../errors.ts'
import { createClaimQueue } from '../run/claim-queue.ts'
import { type Patience, RELEASE_MS } from '../run/patient-store.ts'
import { settledWithin } from '../util/abort.ts'
import { FAILED_REPOS } from './crawl-scopes.ts'

/** The DIDs of repos that failed, by their hosts. */
export type FailedRepos = ReadonlyMap<string, readonly string[]>

/** The most that is kept for one host, or group of hosts, in characters: some 3,000 repos. */
const MOST_TEXT = 100_000

/** Repos as the cursor of a row: a line for each host. Nothing where there are none. */
export function failedReposText(repos: FailedRepos): string | undefined {
  const lines = Array.from(repos, ([host, dids]) => (dids.length === 0 ? '' : [host, ...dids].join(' ')))
  const text = lines.filter((line) => line !== '').join('\n')
  return text === '' ? undefined : text
}

export function failedReposFrom(text: string | undefined): Map<string, string[]> {
  const repos = new Map<string, string[]>()
  for (const line of text?.split('\n') ?? []) {
    const [host = '', ...dids] = line.split(' ')
    if (host !== '') repos.set(host, dids)
  }
  return repos
}

interface KeepParts {
  readonly patience: Patience
  readonly progress: ProgressStore
  readonly leaseMs: number
  readonly signal: AbortSignal
}

/**
 * Keeps repos that failed, for this crawl to ask for them again at its end, or the next one. They are durable when it
 * resolves.
 *
 * @param row of the host, or of its group
 * @returns false where there are too many of them by now
 */
export async function keepFailedRepos(
  row: string,
  { host, dids }: { readonly host: string; readonly dids: readonly string[] },
  { progress, patience, leaseMs, signal }: KeepParts,
): Promise<boolean> {
  const queue = createClaimQueue({
    relay: FAILED_REPOS,
    progress,
    leaseMs,
    signal,
    emit: () => {},
    collections: () => [row],
  })
  /** As long as the claim on the row holds. */
  async function keepIn(claim: Claim): Promise<boolean> {
    const repos = failedReposFrom(claim.cursor)
    repos.set(host, [...new Set([...(repos.get(host) ?? []), ...dids])])
    const cursor = failedReposText(repos)
    const hasRoom = cursor === undefined || cursor.length <= MOST_TEXT
    const change = { pages: 1, cursor, imported: 0, invalid: 0 }
    try {
      if (hasRoom) await patience.wait(() => progress.advance(claim, change))
      return hasRoom
    } finally {
      await settledWithin(RELEASE_MS, progress.release(claim))
    }
  }

  for (;;) {
    signal.throwIfAborted()
    // Opened again where its repos were all read meanwhile, and where they failed in an earlier crawl.
    await progress.register(FAILED_REPOS, [{ nsid: row }], { refreshAfterMs: 0, keepOthers: true })
    const claim = await queue.next()
    if (claim === undefined) continue
    try {
      return await keepIn(claim)
    } catch (error) {
      // It is the claim on this row, and says nothing of the host's.
      if (!isBackfillError(error, 'CLAIM_LOST')) throw error
    }
  }
}

import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { groupScope, HOSTS, isGroup } from './crawl-scopes.ts'
import type { HostGroup } from './shared-limits.ts'

interface HostRowParts {
  readonly progress: ProgressStore
  readonly groups: readonly HostGroup[]
}

/** The rows of all hosts and groups, those of groups that an earlier crawl knew included. */
export async function listHostRows({ progress, groups }: HostRowParts): Promise<CollectionProgress[]> {
  const rows = await progress.list({ relay: HOSTS })
  const known = groups.map(({ hosts }) => hosts)
  const registered = rows.map(({ collection }) => collection).filter(isGroup)
  const names = new Set([...known, ...registered])
  const lists = await Promise.all([...names].map((group) => progress.list({ relay: groupScope(group) })))
  return [...rows, ...lists.flat()]
}

/** Whether a row was given up for another one: see {@link settleScopes}. */
export function isRetired({ flags }: CollectionProgress): boolean {
  return flags.includes('cancelled')
}

/**
 * A host has its row in the scope of the group that it shares a limit with. Where the limits have changed since an earlier
 * crawl, that is another scope. Then a host that is complete stays where it is, unless hosts are to be refreshed. All
 * others are retired there, and begin again in their new scope, so that no host is read twice or by two paces.
 *
 * @param wanted the scope of each host
 * @returns the hosts that are not to be registered anew
 */
export async function settleScopes(
  wanted: ReadonlyMap<string, string>,
  { isRefresh, ...parts }: HostRowParts & { readonly isRefresh: boolean },
): Promise<ReadonlySet<string>> {
  const { progress } = parts
  const rows = (await listHostRows(parts)).filter(({ collection }) => wanted.has(collection))
  const isInPlace = ({ relay, collection }: CollectionProgress) => wanted.get(collection) === relay
  const live = rows.filter((row) => !isRetired(row))
  const inPlace = new Set(live.filter(isInPlace).map(({ collection }) => collection))
  const elsewhere = live.filter((row) => !isInPlace(row))
  const staying = new Set(
    elsewhere
      .filter(({ state, collection }) => state === 'complete' && !isRefresh && !inPlace.has(collection))
      .map(({ collection }) => collection),
  )
  for (const [scope, moving] of Map.groupBy(elsewhere, ({ relay }) => relay)) {
    const hosts = moving.map(({ collection }) => collection).filter((host) => !staying.has(host))
    if (hosts.length === 0) continue
    // What is complete cannot be cancelled.
    await progress.reset(scope, hosts)
    await progress.cancel(scope, hosts)
  }
  const back = rows.filter((row) => isInPlace(row) && isRetired(row) && !staying.has(row.collection))
  for (const [scope, some] of Map.groupBy(back, ({ relay }) => relay))
    await progress.retryFailed(
      scope,
      some.map(({ collection }) => collection),
    )
  return staying
}

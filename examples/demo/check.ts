import { openSqlite, type SqliteStore } from 'atproto-collection-backfill/sqlite'
import type { RelayContents } from 'atproto-collection-backfill/testing'

/** Collections that differ are told by name, up to so many. */
const NAMED = 8

/** Compares the index with what the relay holds, DID by DID. @returns whether they are equal */
export async function checkIndex(file: string, relay: RelayContents, signal: AbortSignal): Promise<boolean> {
  console.log('  comparing the index with the relay, pair by pair …')
  await using store = await openSqlite(file)
  const collections = new Set(relay.collections)
  for await (const { nsid } of store.observed.collections()) collections.add(nsid)
  const differences: string[] = []
  let pairs = 0
  for (const collection of collections) {
    signal.throwIfAborted()
    const surplus = await didsOf(store, collection)
    pairs += surplus.size
    let missing = 0
    for (const did of relay.dids(collection)) if (!surplus.delete(did)) missing += 1
    if (missing > 0 || surplus.size > 0) {
      differences.push(`${collection}: ${missing} missing, ${surplus.size} that the relay does not hold`)
    }
  }
  console.log(verdict(differences, pairs, collections.size))
  return differences.length === 0
}

async function didsOf({ index }: SqliteStore, collection: string): Promise<Set<string>> {
  const dids = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await index.listRepos(collection, { cursor, limit: 10_000 })
    for (const did of page.dids) dids.add(did)
    cursor = page.cursor
  } while (cursor !== undefined)
  return dids
}

function verdict(differences: readonly string[], pairs: number, collections: number): string {
  if (differences.length === 0) {
    return `✓ index equals the relay: ${count(pairs)} pairs in ${count(collections)} collections`
  }
  const more = differences.length - NAMED
  return [
    `✗ index differs from the relay in ${count(differences.length)} of ${count(collections)} collections:`,
    ...differences.slice(0, NAMED).map((difference) => `  ${difference}`),
    ...(more > 0 ? [`  and ${count(more)} more`] : []),
    'Was it filled with other options? --fresh begins anew.',
  ].join('\n')
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

import type { OpenStore } from 'atproto-collection-backfill/pglite'
import type { RelayContents } from 'atproto-collection-backfill/testing'
import { count } from './format.ts'
import { verdictLines } from './summary.ts'
import { screenOf, showLive } from './terminal.ts'

/** One collection that the index and the relay do not agree on. */
export interface Difference {
  readonly collection: string
  /** DIDs that the relay holds and the index does not. */
  readonly missing: number
  /** DIDs that the index holds and the relay does not. */
  readonly surplus: number
}

/** What has been compared. */
export interface Checked {
  readonly collections: number
  readonly pairs: number
}

/** Compares and says what came of it. @returns whether the index equals the relay */
export async function checkIndex(
  db: OpenStore['db'],
  relay: RelayContents,
  signal: AbortSignal,
): Promise<boolean> {
  const differences: Difference[] = []
  let checked: Checked = { collections: 0, pairs: 0 }
  const extent = () => `checking: ${count(checked.pairs)} pairs in ${count(checked.collections)} collections`
  const live = showLive({ lines: () => [extent()], plain: extent })
  try {
    for await (checked of compareWithRelay(db, relay, differences)) {
      if (signal.aborted) break
      live.refresh()
    }
  } finally {
    live.stop()
  }
  if (signal.aborted) console.log('Stopped before everything was compared.')
  signal.throwIfAborted()
  console.log(verdictLines(differences, checked, screenOf()).join('\n'))
  return differences.length === 0
}

/** Compares the index with what the relay holds, DID by DID, and yields how far it is after each collection. */
export async function* compareWithRelay(
  db: OpenStore['db'],
  relay: RelayContents,
  differences: Difference[],
): AsyncGenerator<Checked, void, void> {
  const indexed = await db.selectFrom('collection_index_nsid').select('nsid').execute()
  const all = new Set([...relay.collections, ...indexed.map(({ nsid }) => nsid)])
  let collections = 0
  let pairs = 0
  for (const collection of all) {
    const rows = await db
      .selectFrom('collection_index')
      .select('did')
      .where('collection', '=', collection)
      .execute()
    const surplus = new Set(rows.map(({ did }) => did))
    let missing = 0
    for (const did of relay.dids(collection)) if (!surplus.delete(did)) missing += 1
    if (missing > 0 || surplus.size > 0) differences.push({ collection, missing, surplus: surplus.size })
    collections += 1
    pairs += rows.length
    yield { collections, pairs }
  }
}

import {
  type Claim,
  type CollectionSource,
  type IndexSink,
  memoryStore,
  type ProgressRow,
  type ProgressRows,
  type ProgressStore,
  progressStoreOn,
  type RepoLister,
  relayLister,
} from 'atproto-collection-backfill'
import type { BackfillDatabase } from 'atproto-collection-backfill/kysely'
import { kyselyIndexSink, kyselyProgressStore } from 'atproto-collection-backfill/kysely'
import type { Kysely } from 'kysely'
import { assertType, type Same } from './assert-type.ts'

/** A contract of one's own is a plain object; what it gets is inferred. */
export const lister: RepoLister = {
  relay: 'relay.example',
  listRepos: async ({ collection, cursor, signal }) => {
    assertType<Same<typeof collection, string>>()
    assertType<Same<typeof cursor, string | undefined>>()
    signal?.throwIfAborted()
    return { dids: ['did:web:a.example'] }
  },
}

export const source: CollectionSource = {
  name: 'mine',
  async *collections({ signal } = {}) {
    signal?.throwIfAborted()
    yield { nsid: 'app.bsky.feed.post', estimatedRepos: 1 }
  },
}

export const sinks: readonly IndexSink[] = [
  { add: async ({ dids }) => ({ added: dids.length }) },
  memoryStore().sink,
  // A sink that cannot know how many pairs were new answers nothing.
  { add: async () => {} },
  // @ts-expect-error: a sink adds pairs
  { write: async () => {} },
  // @ts-expect-error: `added` is a number
  { add: async () => ({ added: 'all' }) },
]

const rows: ProgressRows = {
  async list(relay) {
    assertType<Same<typeof relay, string | undefined>>()
    return []
  },
  read: async () => undefined,
  async write(row) {
    assertType<Same<typeof row, ProgressRow>>()
    return true
  },
  now: Date.now,
}

export const stores: readonly ProgressStore[] = [
  progressStoreOn(rows),
  progressStoreOn({ ...rows, transaction: (body) => body('mine'), database: rows }),
  // @ts-expect-error: the clock is named on purpose
  progressStoreOn({ list: rows.list, read: rows.read, write: rows.write }),
  // @ts-expect-error: a write tells whether the row was saved
  progressStoreOn({ ...rows, write: async () => {} }),
]

export const listers: readonly RepoLister[] = [
  relayLister('relay.example'),
  // @ts-expect-error: a lister names its relay
  { listRepos: async () => ({ dids: [] }) },
  // @ts-expect-error: a page has DIDs
  { relay: 'relay.example', listRepos: async () => ({ cursor: 'c' }) },
]

/** A claim is only what a store granted: it is not made by hand from a name. */
export async function claims(progress: ProgressStore): Promise<Claim | undefined> {
  const claim = await progress.claim({ relay: 'relay.example', owner: 'me', leaseMs: 60_000 })
  assertType<Same<typeof claim, Claim | undefined>>()
  // @ts-expect-error: there may be nothing to claim
  await progress.renew(claim, 60_000)
  // @ts-expect-error: a claim has an epoch
  await progress.renew({ relay: 'relay.example', collection: 'app.bsky.feed.post' }, 60_000)
  return claim
}

interface Database extends BackfillDatabase {
  account: { did: string }
}

/** A Kysely with tables of one's own beside those of the backfill is as good as one without. */
export function onKysely(db: Kysely<Database>, other: Kysely<{ account: { did: string } }>): unknown[] {
  const stores: [IndexSink, ProgressStore] = [kyselyIndexSink(db), kyselyProgressStore(db)]
  // @ts-expect-error: a schema is a name
  return [...stores, memoryStore().progress, kyselyIndexSink(other, { schema: 7 })]
}

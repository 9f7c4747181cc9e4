import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackfiller, verify } from '../../src/index.ts'
import { createDidIndex } from '../../src/kysely/index.ts'
import { type OpenStore, openPostgres } from '../../src/postgres/index.ts'
import {
  feedStoreSuite,
  indexSinkSuite,
  progressStoreSuite,
  repoIndexSuite,
  sharedDatabaseSuite,
  startRelay,
} from '../../src/testing/index.ts'
import { freshIndex, freshStores } from '../support/databases.ts'
import { differences, NONE, PROFILE, quick } from '../support/e2e.ts'

/** A kind of database, as src/docs/operating.md lists them. */
export interface DatabaseKind {
  readonly database: string
  /** What it says of itself: version, encoding, and whose collation it has, `i` for ICU. */
  readonly says: string
  /** Opens it for as long as it is tested, and gives its URL. */
  open(opened: AsyncDisposableStack): Promise<string>
  /** Which case it refuses by design, and in which words. */
  readonly refuses?: { readonly name: string; readonly words: string }
}

const COLLECTIONS = {
  [PROFILE]: 230,
  'com.example.Capital': 40,
  'com.example.capital': 70,
  'com.example.c10': 1,
}

/** Proves the stores' contracts on each, and a short backfill from its first request to its verification. */
export function proveOn(kinds: readonly DatabaseKind[]): void {
  describe.each(kinds)('on $database', ({ says, open, refuses }) => {
    const opened = new AsyncDisposableStack()
    let store: OpenStore
    let another: OpenStore
    beforeAll(async () => {
      const url = await open(opened)
      store = opened.use(await openPostgres(url))
      another = opened.use(await openPostgres(url))
    })
    afterAll(() => opened.disposeAsync())

    it('is what it is called', async () => {
      const { rows } = await sql<{ is: string }>`
        select current_setting('server_version_num')::int / 10000 || ' ' || current_setting('server_encoding') || ' ' ||
          coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') as is
        from pg_database d where datname = current_database()
      `.execute(store.db)
      expect(rows).toEqual([{ is: says }])
    })

    it('a backfill, the index by DID and a verification come to the right end', async () => {
      await using relay = await startRelay({ collections: COLLECTIONS })
      const options = { relay: relay.url, retry: quick }
      const collections = Object.keys(COLLECTIONS)
      const summary = await createBackfiller({ ...options, collections, store, concurrency: 4 }).run()
      expect(summary).toMatchObject({ completed: 4, imported: 341, added: 341 })
      expect(await differences(another.db, relay)).toEqual(NONE)
      await createDidIndex(another.db)
      const [did = ''] = relay.dids(PROFILE)
      expect((await another.index.collectionsOf(did)).collections).toContain(PROFILE)
      const verified = await verify({ ...options, index: another.index }).run()
      expect(verified).toMatchObject({ compared: 4, failed: 0, onlyThere: 0, onlyHere: 0 })
    })

    const make = () => freshStores(store.db, another.db)
    for (const suite of [indexSinkSuite, progressStoreSuite, sharedDatabaseSuite, feedStoreSuite]) {
      for (const { name, run } of suite) {
        if (name === refuses?.name)
          it(`${name}, which it says it cannot`, () => expect(run(make)).rejects.toThrow(refuses.words))
        else it(name, () => run(make))
      }
    }
    for (const { name, run } of repoIndexSuite) it(name, () => run(() => freshIndex(store.db, another.db)))
  })
}

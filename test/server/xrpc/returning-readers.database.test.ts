import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { OpenedStore } from '../../../src/contracts/opened-store.ts'
import { createBackfiller, relayLister } from '../../../src/index.ts'
import { openPostgres } from '../../../src/postgres/index.ts'
import { xrpcHandler } from '../../../src/server/index.ts'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { createPostgres } from '../../support/databases.ts'
import { returningReader } from '../../support/returning-reader.ts'
import { didsFrom } from '../../support/store-steps.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const NAME = 'com.example.thing'

interface Place extends AsyncDisposable {
  open(): Promise<OpenedStore>
  /** Does what no store does. */
  meddle(statement: string): Promise<unknown>
}

const places: Record<string, () => Promise<Place>> = {
  async Postgres() {
    const database = await createPostgres()
    return {
      open: () => openPostgres(database.url),
      meddle: (statement) => sql.raw(statement).execute(database.db),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    }
  },
  async SQLite() {
    const folder = await temporaryFolder()
    const file = join(folder.path, 'index.sqlite')
    return {
      open: () => openSqlite(file),
      async meddle(statement) {
        using database = new DatabaseSync(file)
        database.exec(statement)
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    }
  },
}

describe.each(Object.entries(places))('on %s, a reader as Tap is', (_, create) => {
  it('has all once an import and its own pass are over, and gets 300 newcomers and no others another day', async () => {
    await using place = await create()
    await using relay = await startRelay({ collections: { [NAME]: 2_500 } })
    let open = await place.open()
    const restart = async () => {
      await open.close()
      open = await place.open()
    }
    const reader = returningReader(
      (path) => {
        const { index, feed, progress } = open
        return xrpcHandler({ index, feed, progress })(new Request(`http://localhost${path}`))
      },
      { collection: NAME, limit: 200 },
    )
    const follow = (dids: readonly string[]) =>
      open.feed.apply({ feed: 'feed:x', added: dids.map((did) => ({ did, collection: NAME })) })

    await follow(didsFrom(0, 400))
    await reader.step()
    const lister = relayLister(relay.url, { pageSize: 500, checkCollection: false })
    const pages = createBackfiller({ relay: lister, store: open, collections: [NAME] })
    for await (const { pages: number } of pages) if (number < 4) await reader.step()
    await restart()
    await reader.pass()
    expect(reader.known).toEqual(new Set([...didsFrom(0, 400), ...relay.dids(NAME)]))
    expect(await reader.pass()).toEqual([])

    await follow(didsFrom(1_000, 300))
    await restart()
    expect((await reader.pass()).toSorted()).toEqual(didsFrom(1_000, 300).toSorted())
    expect(await reader.pass()).toEqual([])
    await open.close()
  })

  it('reads the list again once newcomers that got lost are noticed, and the feed goes on', async () => {
    await using place = await create()
    await using store = await place.open()
    const { index, feed, progress } = store
    const handler = xrpcHandler({ index, feed, progress })
    const ask = (path: string) => handler(new Request(`http://localhost${path}`))
    const reader = returningReader(ask, { collection: NAME, limit: 100 })
    const follow = (dids: readonly string[]) =>
      feed.apply({
        feed: 'feed:x',
        added: dids.map((did) => ({ did, collection: NAME })),
        keepNewcomers: 20,
      })
    await follow(didsFrom(0, 10))
    await reader.pass()
    await follow(didsFrom(100, 10))
    await place.meddle('delete from collection_feed_newcomer')
    await follow(didsFrom(200, 1))
    for (let n = 0; n < 40; n += 10) {
      await follow(didsFrom(300 + n, 10))
      await reader.pass()
      expect(reader.known.size).toBe(31 + n)
    }
    expect(await reader.pass()).toEqual([])
  })
})

import { join } from 'node:path'
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
}

const places: Record<string, () => Promise<Place>> = {
  async Postgres() {
    const database = await createPostgres()
    return {
      open: () => openPostgres(database.url),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    }
  },
  async SQLite() {
    const folder = await temporaryFolder()
    return {
      open: () => openSqlite(join(folder.path, 'index.sqlite')),
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
})

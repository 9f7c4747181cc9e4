import { join } from 'node:path'
import { expect, it } from 'vitest'
import { filteredByCollections, filteredRows, mustServeSome } from '../../../src/cli/serve/serve-filter.ts'
import { collectionFilter } from '../../../src/sources/collection-filter.ts'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { pairsOf } from '../../support/followed.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const WANTED = 'app.bsky.feed.post'
const OTHER = 'com.example.other'
const did = 'did:web:a.example'
const feed = 'feed:wss://relay.example'
const signal = new AbortController().signal
const pair = (collection: string) => ({ did, collection })
const only = collectionFilter({ only: ['app.bsky.*'] })

async function opened() {
  const folder = await temporaryFolder()
  const store = await openSqlite(join(folder.path, 'index.sqlite'))
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

it('a feed brings only collections that are meant, and so does a look at a host', async () => {
  await using place = await opened()
  const { store } = place
  const { feed: filtered } = await filteredByCollections(store, only, signal)
  await filtered.apply({ feed, added: [pair(WANTED), pair(OTHER)], removed: [pair('com.example.gone')] })
  await filtered.apply({ feed, accounts: [{ did: 'did:web:b.example' }], toLookUp: ['did:web:b.example'] })
  const noted = await store.feed.listToLookUp()
  await filtered.apply({ feed, lookedUp: noted.map((repo) => ({ ...repo, collections: [WANTED, OTHER] })) })
  expect(await pairsOf(store.index)).toEqual([`${WANTED} ${did}`, `${WANTED} did:web:b.example`])
  expect(await Array.fromAsync(store.observed.collections())).toEqual([{ nsid: WANTED }])
})

it('a pair that was gone comes back by the feed though its collection is left out, for no page of a backfill would bring it', async () => {
  await using place = await opened()
  const { store } = place
  await store.feed.apply({ feed, added: [pair(OTHER)] })
  await store.feed.apply({ feed, removed: [pair(OTHER)] })
  const { feed: filtered } = await filteredByCollections(store, only, signal)
  await filtered.apply({ feed, added: [pair(OTHER)] })
  expect(await pairsOf(store.index)).toEqual([`${OTHER} ${did}`])
})

it('a collection that a run has read before is kept up to date, and is no part of the backlog', async () => {
  await using place = await opened()
  const { store } = place
  await store.progress.register('https://relay.example', [{ nsid: OTHER }, { nsid: WANTED }])
  const { feed: filtered } = await filteredByCollections(store, only, signal)
  await filtered.apply({ feed, added: [pair(OTHER), pair('com.example.unknown')] })
  expect(await pairsOf(store.index)).toEqual([`${OTHER} ${did}`])
  const rows = await filteredRows(store, only).list({ relay: 'https://relay.example' })
  expect(rows.map(({ collection }) => collection)).toEqual([WANTED])
})

it('without --only and --except the store is the same', async () => {
  await using place = await opened()
  expect(await filteredByCollections(place.store, collectionFilter({}), signal)).toBe(place.store)
})

it.each([
  [{ except: ['*'] }, false],
  [{ only: ['app.bsky.*'], except: ['app.*'] }, false],
  [
    { only: ['app.bsky.feed.like', 'app.bsky.graph.*'], except: ['app.bsky.graph.*', 'app.bsky.feed.like'] },
    false,
  ],
  [{ collection: ['app.bsky.feed.like'], except: ['app.bsky.*'] }, false],
  [{ collection: ['app.bsky.feed.like'], only: ['com.example.*'] }, false],
  [{ collection: ['app.bsky.feed.like'], source: [], only: ['com.example.*'] }, true],
  [{ collection: ['app.bsky.*'], except: ['app.bsky.feed.*'] }, true],
  [{ only: ['app.bsky.*'], except: ['app.bsky.feed.*'] }, true],
  [{ only: ['com.example.later'] }, true],
  [{}, true],
])('options that leave nothing to serve are wrong usage: %j', (options, isRight) => {
  if (isRight) expect(() => mustServeSome(options)).not.toThrow()
  else expect(() => mustServeSome(options)).toThrow(/nothing to serve/)
})

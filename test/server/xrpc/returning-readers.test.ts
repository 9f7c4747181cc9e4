import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { FeedStore } from '../../../src/contracts/feed-store.ts'
import { createBackfiller, type MemoryStore, memoryStore, relayLister } from '../../../src/index.ts'
import { type XrpcHandlerOptions, xrpcHandler } from '../../../src/server/index.ts'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { didsFrom } from '../../../src/testing/suites/samples.ts'
import { type ReturningReader, returningReader } from '../../support/returning-reader.ts'
import { serve } from '../../support/serve.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const NAME = 'com.example.thing'
const OTHER = 'com.example.other'
const FEED = 'feed:wss://relay.example'
const METHOD = '/xrpc/com.atproto.sync.listReposByCollection'

type Asked = (path: string) => Promise<Response>

function asking(store: MemoryStore, options: Partial<XrpcHandlerOptions> = {}): Asked {
  const { index, feed, progress } = store
  const handler = xrpcHandler({ index, feed, progress, ...options })
  return (path) => handler(new Request(`http://relay.example${path}`))
}

function follow(store: MemoryStore, dids: readonly string[], keepNewcomers?: number, collection = NAME) {
  const added = dids.map((did) => ({ did, collection }))
  return store.feed.apply({ feed: FEED, added, keepNewcomers })
}

/** An import as far as it is begun: each page is added, and the last one completes it. */
async function beginImport(store: MemoryStore, relay = 'relay.example') {
  await store.progress.register(relay, [{ nsid: NAME }], { refreshBefore: new Date(Date.now() + 60_000) })
  const claim = await store.progress.claim({ relay, owner: 'x', leaseMs: 60_000 })
  if (claim === undefined) throw new Error('the collection is free')
  let current = claim
  return async (dids: readonly string[], cursor?: string) => {
    await store.sink.add({ relay, collection: NAME, dids })
    const change = { pages: 1, imported: dids.length, invalid: 0, cursor }
    current = await store.progress.advance(current, change, async () => {})
  }
}

/** A clock of which the days are counted on by hand. */
function days() {
  vi.useFakeTimers({ toFake: ['Date'] })
  return {
    next: (count = 1) => vi.setSystemTime(Date.now() + count * 86_400_000),
    [Symbol.dispose]: () => void vi.useRealTimers(),
  }
}

const reading = (store: MemoryStore, limit = 100): ReturningReader =>
  returningReader(asking(store), { collection: NAME, limit })

describe('a reader who keeps the last cursor and comes back', () => {
  it('gets the newcomers, and nothing else', async () => {
    const store = memoryStore()
    const all = didsFrom(0, 1_300)
    await follow(store, all.filter((_, i) => i % 4 !== 0).slice(0, 950))
    const reader = reading(store)
    expect((await reader.pass()).length).toBe(950)
    expect(await reader.pass()).toEqual([])
    const newcomers = all.filter((_, i) => i % 4 === 0).slice(0, 300)
    await follow(store, newcomers)
    await follow(store, didsFrom(5_000, 40), undefined, OTHER)
    expect(await reader.pass()).toEqual(newcomers)
    expect(await reader.pass()).toEqual([])
  })

  it('gets what was added behind it while it read, from any instance', async () => {
    const store = memoryStore()
    const all = didsFrom(0, 500).sort()
    await follow(store, all.slice(100))
    let instance = asking(store)
    const reader = returningReader((path) => instance(path), { collection: NAME, limit: 50 })
    for (let pages = 0; pages < 3; pages += 1) {
      await reader.step()
      instance = asking(store)
    }
    await follow(store, all.slice(0, 100))
    await reader.pass()
    expect([...reader.known].sort()).toEqual(all)
    expect(await reader.pass()).toEqual([])
  })

  it('is not given a repo that is gone by then, and is given one that came again', async () => {
    const store = memoryStore()
    const [a = '', b = '', c = ''] = didsFrom(0, 3)
    await follow(store, [a])
    const reader = reading(store)
    await reader.pass()
    await follow(store, [b, c])
    await store.feed.apply({ feed: FEED, removed: [a, b].map((did) => ({ did, collection: NAME })) })
    await follow(store, [a])
    expect(await reader.pass()).toEqual([c, a])
  })

  it('reads the list again where the newcomers are not kept any more', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 250))
    const reader = reading(store)
    await reader.pass()
    await follow(store, didsFrom(1_000, 250), 200)
    expect((await reader.pass()).length).toBe(500)
    expect(await reader.pass()).toEqual([])
  })

  it('keeps its place in a quiet collection, however much comes to others', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 30))
    const reader = reading(store)
    await reader.pass()
    using clock = days()
    for (let day = 0; day < 5; day += 1) {
      clock.next()
      await follow(store, didsFrom(1_000 + day * 12_000, 12_000), 15_000, OTHER)
      expect(await reader.pass(), `day ${day}`).toEqual([])
    }
    await follow(store, didsFrom(50, 1), 15_000)
    expect(await reader.pass()).toEqual(didsFrom(50, 1))
  })

  it('reads the list again where the feed dropped newcomers while they were read', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 50))
    const feed: FeedStore = {
      ...store.feed,
      async newcomers(collection, request) {
        await follow(store, didsFrom(10_000, 1), 0, OTHER)
        return store.feed.newcomers(collection, request)
      },
    }
    const reader = returningReader(asking(store, { feed }), { collection: NAME, limit: 100 })
    await reader.pass()
    await follow(store, didsFrom(1_000, 30))
    await reader.pass()
    expect(reader.known.size).toBe(80)
  })

  it('has all in the end, also where an import is complete by a clock that went back', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 20))
    await (await beginImport(store, 'first.example'))(didsFrom(100, 10))
    const [first] = await store.progress.list()
    const list = async () =>
      (await store.progress.list()).map((row) => ({
        ...row,
        ...(row.relay !== first?.relay && { completedAt: new Date(1) }),
      }))
    const reader = returningReader(asking(store, { progress: { list } }), { collection: NAME, limit: 100 })
    await reader.pass()
    await (await beginImport(store, 'second.example'))(didsFrom(50, 10))
    await reader.pass()
    expect(reader.known.size).toBe(40)
  })

  it('gets what was brought by work that ended otherwise than with a complete collection', async () => {
    const store = memoryStore()
    const { progress } = store
    const reader = reading(store)
    await follow(store, didsFrom(1_000, 20))
    for (const [n, [relay, collection]] of [
      ['crawl:host.example', 'host.example'],
      ['index:dids.txt', 'part'],
      ['import:pairs.csv', 'file'],
      ['fails.example', NAME],
    ].entries()) {
      await progress.register(`${relay}`, [{ nsid: `${collection}` }])
      const claim = await progress.claim({ relay: `${relay}`, owner: 'x', leaseMs: 60_000 })
      if (claim === undefined) throw new Error('it is free')
      await reader.pass()
      await store.sink.add({ relay: `${relay}`, collection: NAME, dids: didsFrom(n * 10, 5) })
      const fails = relay === 'fails.example'
      const change = { pages: 1, imported: 5, invalid: 0, cursor: fails ? '1' : undefined }
      const advanced = await progress.advance(claim, change, async () => {})
      if (fails) await progress.release(advanced, { kind: 'failed', error: 'gone' })
      await reader.pass()
      expect(reader.known.size, relay).toBe(25 + n * 5)
    }
  })

  it('has all of a database that went back to a backup, also once more was added than it had lost', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'index.sqlite')
    const backup = join(folder.path, 'backup.sqlite')
    let open = await openSqlite(file)
    const restart = async (copy: () => Promise<void>) => {
      await open.close()
      await copy()
      open = await openSqlite(file)
    }
    const add = (dids: readonly string[]) =>
      open.feed.apply({ feed: FEED, added: dids.map((did) => ({ did, collection: NAME })) })
    const ask: Asked = (path) => {
      const { index, feed, progress } = open
      return xrpcHandler({ index, feed, progress })(new Request(`http://relay.example${path}`))
    }
    await add(didsFrom(0, 50))
    await restart(() => copyFile(file, backup))
    await add(didsFrom(100, 20))
    const reader = returningReader(ask, { collection: NAME, limit: 100 })
    await reader.pass()
    await restart(() => copyFile(backup, file))
    await add(didsFrom(200, 30))
    await reader.pass()
    for (const did of didsFrom(200, 30)) expect(reader.known).toContain(did)
    await open.close()
  })

  it('reads the list again in another database, whatever its positions are', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 250))
    let asked = asking(store)
    const readers = [3, 1].map(() => returningReader((path) => asked(path), { collection: NAME, limit: 100 }))
    const [atEnd, midway] = readers as [ReturningReader, ReturningReader]
    await atEnd.pass()
    await midway.step()
    const rebuilt = memoryStore()
    await follow(rebuilt, didsFrom(300, 400))
    asked = asking(rebuilt)
    for (const reader of readers) expect((await reader.pass()).length).toBe(400)
  })

  it('reads the list again once an import is complete that went on while it read', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 20))
    const importPage = await beginImport(store)
    await importPage(didsFrom(100, 100), '1')
    const reader = reading(store)
    expect((await reader.pass()).length).toBe(120)
    expect(await reader.pass()).toEqual([])
    await importPage(didsFrom(50, 50))
    expect((await reader.pass()).length).toBe(170)
    expect(await reader.pass()).toEqual([])
    const again = await beginImport(store, 'second.example')
    await again(didsFrom(30, 5), '1')
    expect(await reader.pass()).toEqual([])
    await again([])
    await reader.pass()
    expect(reader.known.size).toBe(175)
  })

  it('gets an empty page without a cursor where there is nothing', async () => {
    const response = await asking(memoryStore())(`${METHOD}?collection=${NAME}`)
    expect(await response.json()).toEqual({ repos: [] })
  })

  it('loses nothing, whatever is added, removed, imported, forgotten and restarted meanwhile', async () => {
    const step = fc.oneof(
      fc.record({ add: fc.array(fc.nat(60), { maxLength: 20 }) }),
      fc.record({ remove: fc.array(fc.nat(60), { maxLength: 10 }) }),
      fc.record({ others: fc.nat(30) }),
      fc.record({ imports: fc.array(fc.nat(60), { maxLength: 20 }), isLast: fc.boolean() }),
      fc.record({ read: fc.integer({ min: 1, max: 4 }) }),
      fc.constant({ restart: true } as const),
    )
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(5, 30, 1_000),
      async (steps, limit, kept) => {
        const store = memoryStore()
        const did = (n: number) => didsFrom(n, 1)[0] ?? ''
        let instance = asking(store)
        let number = 1_000
        const next = () => {
          number += 100
          return number
        }
        let page: Awaited<ReturnType<typeof beginImport>> | undefined
        const reader = returningReader((path) => instance(path), { collection: NAME, limit })
        for (const now of steps) {
          if ('add' in now) await follow(store, now.add.map(did), kept)
          if ('remove' in now)
            await store.feed.apply({
              feed: FEED,
              removed: now.remove.map((n) => ({ did: did(n), collection: NAME })),
            })
          if ('others' in now) await follow(store, didsFrom(next(), now.others), kept, OTHER)
          if ('imports' in now) {
            page ??= await beginImport(store, `r${next()}.example`)
            await page(now.imports.map(did), now.isLast ? undefined : `${next()}`)
            if (now.isLast) page = undefined
          }
          for (let pages = 0; 'read' in now && pages < now.read && (await reader.step()); ) pages += 1
          if ('restart' in now) instance = asking(store)
        }
        await page?.([])
        await reader.pass()
        for (const held of store.sink.pairs.get(NAME) ?? []) expect(reader.known).toContain(held)
        expect(await reader.pass()).toEqual([])
        await follow(store, didsFrom(500, 3), 1_000)
        expect(await reader.pass()).toEqual(didsFrom(500, 3))
      },
    )
    await fc.assert(property, { numRuns: 150 })
  })
})

describe('the cursor of such a list', () => {
  it('is refused for another collection, and when anything of it is changed that names the list', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 30))
    const asked = asking(store)
    const page = async (query: string) => {
      const response = await asked(`${METHOD}?${query}`)
      return { status: response.status, ...((await response.json()) as { cursor?: string }) }
    }
    const first = await page(`collection=${NAME}&limit=10`)
    const last = await page(`collection=${NAME}&limit=30`)
    for (const { cursor = '' } of [first, last]) {
      const bad = [
        `x${cursor}`,
        cursor.replace('.', '..'),
        `${cursor}.`,
        `.${cursor}`,
        cursor.replace(/^[^.]*/, ''),
      ]
      for (const given of bad)
        expect(await page(`collection=${NAME}&cursor=${given}`), given).toMatchObject({
          status: 400,
          error: 'InvalidRequest',
        })
      expect(await page(`collection=${OTHER}&cursor=${cursor}`)).toMatchObject({ status: 400 })
      // Whoever makes up a moment gets a list from it, or the whole one.
      for (const place of ['0', 'zzzzzzzzz', '1']) {
        const made = cursor.replace(/\.[^.]*\.([^.]*)$/, `.${place}.$1`)
        expect(await page(`collection=${NAME}&cursor=${made}`), made).toMatchObject({ status: 200 })
      }
    }
  })

  it('is served as a plain one where no feed is followed, and a plain one is honoured everywhere', async () => {
    const store = memoryStore()
    await follow(store, didsFrom(0, 30))
    const dids = async (asked: Asked, query: string) => {
      const { repos, cursor } = (await (await asked(`${METHOD}?collection=${NAME}&${query}`)).json()) as {
        repos: unknown[]
        cursor?: string
      }
      return { repos: repos.length, cursor }
    }
    const [withFeed, without] = [asking(store), asking(store, { feed: undefined })]
    const { cursor } = await dids(withFeed, 'limit=10')
    expect(await dids(without, `cursor=${cursor}`)).toEqual({ repos: 20, cursor: undefined })
    const plain = await dids(without, 'limit=10')
    expect(await dids(withFeed, `cursor=${plain.cursor}`)).toEqual({ repos: 20, cursor: undefined })
  })

  it('changes nothing for a walk of this library, which takes the plain cursor out of it', async () => {
    const source = memoryStore()
    await follow(source, didsFrom(0, 95))
    const asked = asking(source)
    let requests = 0
    await using relay = await serve(async (request) => {
      requests += 1
      const { pathname, search } = new URL(request.url)
      // The feed goes on: no cursor is given twice.
      await follow(source, didsFrom(10_000 + requests, 1), undefined, OTHER)
      return asked(pathname + search)
    })
    const store = memoryStore()
    const lister = relayLister(relay.url, { pageSize: 10, checkCollection: false })
    const events: string[] = []
    await createBackfiller({
      relay: lister,
      store,
      collections: [NAME],
      onEvent: ({ type }) => void events.push(type),
    }).run()
    expect(await store.progress.list()).toMatchObject([{ state: 'complete', flags: [] }])
    expect(store.sink.pairs.get(NAME)?.size).toBe(95)
    // Ten pages, and the first one once more at the end.
    expect(requests).toBe(11)
    expect(events).not.toContain('cursors-changed')
  })
})

import { isValidDid, isValidNsid } from '@atproto/syntax'
import { describe, expect, it } from 'vitest'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { ask, page, pagesOf } from './ask.ts'

const LIKE = 'app.bsky.feed.like'
const POST = 'app.bsky.feed.post'
const BLOG = 'com.whtwnd.blog.entry'

describe('the pages of a test relay', () => {
  it.each([0, 1, 9, 10, 11, 20, 1234])('cover a collection of %i repos exactly', async (size) => {
    await using relay = await startRelay({ collections: { [LIKE]: size, [POST]: 3 } })
    const served = (await pagesOf(relay, LIKE, 10)).flatMap(({ repos }) => repos.map(({ did }) => did))
    expect(served).toEqual([...relay.dids(LIKE)])
    expect(new Set(served).size).toBe(size)
    expect(relay.size(LIKE)).toBe(size)
  })

  it('have a cursor whenever they are full, so an exact multiple ends with an empty page', async () => {
    await using relay = await startRelay({ collections: { [LIKE]: 20 } })
    const pages = await pagesOf(relay, LIKE, 10)
    expect(pages.map(({ repos, cursor }) => [repos.length, cursor !== undefined])).toEqual([
      [10, true],
      [10, true],
      [0, false],
    ])
  })

  it('hold valid DIDs', async () => {
    await using relay = await startRelay({ collections: { [LIKE]: 500 } })
    const dids = [...relay.dids(LIKE)]
    expect(dids.filter((did) => !isValidDid(did) || !/^did:plc:[a-z2-7]{24}$/.test(did))).toEqual([])
    expect(relay.collections.every((nsid) => isValidNsid(nsid))).toBe(true)
  })

  it('serve given DIDs as they are, whatever they are', async () => {
    const dids = ['did:web:example.com', 'no did', 'a "quoted\u0000" one']
    await using relay = await startRelay({ collections: { [LIKE]: dids } })
    expect((await page(relay, { collection: LIKE })).repos.map(({ did }) => did)).toEqual(dids)
  })

  it('share accounts between collections, in an order of their own', async () => {
    await using relay = await startRelay({ collections: { [LIKE]: 1000, [POST]: 400, [BLOG]: 50 } })
    const [like, post] = [[...relay.dids(LIKE)], [...relay.dids(POST)]]
    const known = new Set(like)
    expect(post.every((did) => known.has(did))).toBe(true)
    expect(post).not.toEqual(like.slice(0, 400))
    expect(post).not.toEqual(post.toSorted())
  })

  it('begin with the same repos when a collection grows among the same accounts', async () => {
    await using before = await startRelay({ collections: { [LIKE]: 100 }, accounts: 1000 })
    await using after = await startRelay({ collections: { [LIKE]: 150 }, accounts: 1000 })
    expect([...after.dids(LIKE)].slice(0, 100)).toEqual([...before.dids(LIKE)])
  })

  it('are 500 long unless asked otherwise, and never longer than the maximum', async () => {
    await using relay = await startRelay({ collections: { [LIKE]: 20_000 } })
    await using lexicon = await startRelay({ collections: { [LIKE]: 20_000 }, maxLimit: 2000 })
    const lengthAt = async (from: TestRelay, limit?: string) =>
      (await page(from, { collection: LIKE, ...(limit === undefined ? {} : { limit }) })).repos.length
    expect(await lengthAt(relay)).toBe(500)
    expect(await lengthAt(relay, '0')).toBe(1)
    expect(await lengthAt(relay, '1000000')).toBe(10_000)
    expect(await lengthAt(lexicon, '1000000')).toBe(2000)
  })

  it('reach anywhere in ten million repos at once, in no memory', async () => {
    const size = 10_000_000
    const before = process.memoryUsage().rss
    await using relay = await startRelay({ collections: { [LIKE]: size, [POST]: size } })
    const deep = await page(relay, {
      collection: LIKE,
      limit: '1000',
      cursor: relay.cursorAt(LIKE, size - 1500),
    })
    expect(deep.repos).toHaveLength(1000)
    const last = await page(relay, { collection: LIKE, limit: '1000', cursor: deep.cursor ?? '' })
    expect(last.repos).toHaveLength(500)
    expect(last.cursor).toBeUndefined()
    // A list of so many DIDs would take more than 500 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })
})

describe('the cursors of a test relay', () => {
  it('are honoured after a restart with the same options', async () => {
    const options = { collections: { [LIKE]: 1000, [POST]: 10 } }
    const before = await startRelay(options)
    const { cursor = '' } = await page(before, { collection: LIKE, limit: '300' })
    await before.close()
    await using after = await startRelay(options)
    const { repos } = await page(after, { collection: LIKE, limit: '10', cursor })
    expect(repos.map(({ did }) => did)).toEqual([...after.dids(LIKE)].slice(300, 310))
    expect(cursor).toBe(after.cursorAt(LIKE, 300))
  })

  it('give silently wrong answers on another collection: an empty end, or its DIDs', async () => {
    await using relay = await startRelay({
      collections: { [LIKE]: ['did:web:like.test'], [POST]: ['did:web:post.test'] },
    })
    const [first = '', second = ''] = relay.collections.toSorted((a, b) =>
      relay.cursorAt(a, 0) < relay.cursorAt(b, 0) ? -1 : 1,
    )
    const ahead = await page(relay, { collection: second, cursor: relay.cursorAt(first, 0) })
    expect(ahead.repos.map(({ did }) => did)).toEqual([...relay.dids(first), ...relay.dids(second)])
    expect(await page(relay, { collection: first, cursor: relay.cursorAt(second, 0) })).toEqual({ repos: [] })
  })

  it('are answered by 500, again and again, when they cannot be decoded', async () => {
    await using relay = await startRelay({ collections: { [LIKE]: 5 } })
    for (const cursor of ['no cursor', 'YWJj', `${relay.cursorAt(LIKE, 2)} `, '+/+/+/+/']) {
      const { status, json } = await ask(relay, { collection: LIKE, cursor })
      expect([status, json.error]).toEqual([500, 'DatabaseError'])
    }
  })
})

describe('a seed', () => {
  const collections = { [LIKE]: 200, [POST]: 100, [BLOG]: 10 }

  it('decides about everything', async () => {
    await using one = await startRelay({ collections, seed: 7 })
    await using other = await startRelay({ collections, seed: 7 })
    expect(other.collections.map((nsid) => [...other.dids(nsid)])).toEqual(
      one.collections.map((nsid) => [...one.dids(nsid)]),
    )
    expect(await pagesOf(other, LIKE, 30)).toEqual(await pagesOf(one, LIKE, 30))
  })

  it('gives other accounts than another seed', async () => {
    await using one = await startRelay({ collections, seed: 7 })
    await using other = await startRelay({ collections, seed: 8 })
    const known = new Set(one.dids(LIKE))
    expect([...other.dids(LIKE)].filter((did) => known.has(did))).toEqual([])
  })
})

describe('the other answers of a test relay', () => {
  it('are an empty page for an unknown collection, and errors for what is not served', async () => {
    await using relay = await startRelay({ collections: { [LIKE]: 5 } })
    expect(await page(relay, { collection: 'com.example.unknown.thing' })).toEqual({ repos: [] })
    for (const query of [{}, { collection: 'nothing' }, { collection: '' }]) {
      const { status, json } = await ask(relay, query)
      expect([status, json.error]).toEqual([400, 'BadRequest'])
    }
    const lost = await fetch(`${relay.url}/xrpc/com.example.unknown`)
    expect([lost.status, await lost.json()]).toEqual([404, { error: 'Not Found' }])
    const posted = await fetch(relay.gardenUrl, { method: 'POST', body: 'x' })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
  })

  it("list the collections in lexicon garden's form, between prose and an entry that is no NSID", async () => {
    await using relay = await startRelay({ collections: { [LIKE]: 5, [POST]: 5 } })
    await using narrow = await startRelay({ collections: { [LIKE]: 5, [POST]: 5 }, garden: [POST, BLOG] })
    const entries = async (url: string) =>
      Array.from((await (await fetch(url)).text()).matchAll(/^- \[`([^`]+)`\]\(https:/gm), ([, name]) => name)
    expect(await entries(relay.gardenUrl)).toEqual(['not-an-nsid', LIKE, POST])
    expect(await entries(narrow.gardenUrl)).toEqual(['not-an-nsid', POST, BLOG])
  })
})

describe('startRelay', () => {
  const collections = { [LIKE]: 5 }

  it.each([
    ['collections', { collections: { nothing: 5 } }],
    ["collections['app.bsky.feed.like']", { collections: { [LIKE]: -1 } }],
    ["collections['app.bsky.feed.like']", { collections: { [LIKE]: 1.5 } }],
    ['seed', { collections, seed: -1 }],
    ['accounts', { collections, accounts: 4 }],
    ['port', { collections, port: 70_000 }],
    ['maxLimit', { collections, maxLimit: 0 }],
    ['latencyMs', { collections, latencyMs: -1 }],
  ])('refuses a bad %s by name', async (option, options) => {
    await expect(startRelay(options)).rejects.toMatchObject({ name: 'InvalidOptionError', option })
  })

  it('rejects when the port is taken', async () => {
    await using relay = await startRelay({ collections })
    const port = Number(new URL(relay.url).port)
    await expect(startRelay({ collections, port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

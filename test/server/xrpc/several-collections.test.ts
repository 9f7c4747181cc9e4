import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryStore, type RepoIndex } from '../../../src/index.ts'
import { memoryIndex } from '../../../src/memory/memory-index.ts'
import { type XrpcHandlerOptions, xrpcHandler } from '../../../src/server/index.ts'
import { didsFrom } from '../../../src/testing/suites/samples.ts'
import { NotIndexedError } from '../../../src/util/not-indexed-error.ts'

const METHOD = '/xrpc/com.atproto.sync.listReposByCollection'
const names = Array.from({ length: 21 }, (_, i) => `com.example.n${i}`)
const nameOf = (i: number) => names[i] ?? ''

function asking(index: RepoIndex, options: Partial<XrpcHandlerOptions> = {}) {
  const handler = xrpcHandler({ index, severalCollections: true, ...options })
  return async (query: string) => {
    const response = await handler(new Request(`http://relay.example${METHOD}?${query}`))
    const body = (await response.json()) as { repos: { did: string }[]; cursor?: string; error?: string }
    return { status: response.status, ...body }
  }
}

async function walk(ask: ReturnType<typeof asking>, query: string): Promise<string[]> {
  const read: string[] = []
  let cursor: string | undefined
  do {
    const page = await ask(`${query}${cursor === undefined ? '' : `&cursor=${cursor}`}`)
    expect(page.status).toBe(200)
    expect(cursor).not.toBe(page.cursor ?? '')
    read.push(...page.repos.map(({ did }) => did))
    cursor = page.cursor
  } while (cursor !== undefined)
  return read
}

const asked = (collections: readonly string[]) => collections.map((nsid) => `collection=${nsid}`).join('&')

describe('several collections', () => {
  it('are the union of their lists, in order and without repeats, in pages of any size', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.uniqueArray(fc.nat(40)), { minLength: 2, maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      async (lists, limit) => {
        const pairs = lists.map(
          (numbers, i) => [nameOf(i), new Set(numbers.map((n) => didsFrom(n, 1)[0] ?? ''))] as const,
        )
        const ask = asking(memoryIndex(new Map(pairs)))
        const union = new Set(pairs.flatMap(([, dids]) => [...dids]))
        expect(await walk(ask, `${asked(pairs.map(([nsid]) => nsid))}&limit=${limit}`)).toEqual(
          [...union].sort(),
        )
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })

  it('are read in parts: a page takes no more of each list than it needs', async () => {
    const index = memoryIndex(new Map(names.map((nsid, i) => [nsid, new Set(didsFrom(i * 1_000, 1_000))])))
    let read = 0
    const counting: RepoIndex = {
      async listRepos(collection, request) {
        const page = await index.listRepos(collection, request)
        read += page.dids.length
        return page
      },
    }
    const page = await asking(counting)(`${asked(names.slice(0, 20))}&limit=2000`)
    expect(page.repos).toHaveLength(2_000)
    expect(read).toBeLessThan(2 * 2_000 + 20 * 201)
  })

  it('have cursors of their own, whatever their order', async () => {
    const ask = asking(memoryIndex(new Map(names.map((nsid) => [nsid, new Set(didsFrom(0, 9))]))))
    const { cursor } = await ask(`${asked(names.slice(0, 3))}&limit=4`)
    expect(await ask(`${asked(names.slice(0, 3).toReversed())}&cursor=${cursor}`)).toMatchObject({
      status: 200,
    })
    for (const others of [names.slice(0, 2), names.slice(1, 4), names.slice(0, 1), []])
      expect(await ask(`${asked(others)}&cursor=${cursor}`)).toMatchObject({ status: 400 })
    const long = names.slice(0, 20).map((_, i) => `com.${'a'.repeat(60)}.${'b'.repeat(60)}.n${i}`)
    const longest = asking(memoryIndex(new Map(long.map((nsid) => [nsid, new Set(didsFrom(0, 9))]))))
    expect(await walk(longest, `${asked(long)}&limit=4`)).toHaveLength(9)
  })

  it('are at most 20, each an NSID, and refused where they are not switched on', async () => {
    const index = memoryIndex(new Map())
    const ask = asking(index)
    expect(await ask(asked(names))).toMatchObject({ status: 400, error: 'InvalidRequest' })
    for (const bad of ['collection=&', 'collection=x&'])
      expect(await ask(`${bad}${asked(names.slice(0, 2))}`)).toMatchObject({ status: 400 })
    const lexicon = asking(index, { severalCollections: false })
    for (const query of ['', asked(names.slice(0, 2))])
      expect(await lexicon(query)).toMatchObject({ status: 400, error: 'InvalidRequest' })
  })

  it('are refused clearly by an index whose cursors are no DIDs', async () => {
    const numbered: RepoIndex = {
      listRepos: async (_, { limit = 500 } = {}) => ({ dids: didsFrom(0, limit), cursor: '1' }),
    }
    expect(await asking(numbered)(asked(names.slice(0, 2)))).toMatchObject({
      status: 501,
      error: 'MethodNotImplemented',
    })
  })

  it('give a reader who comes back the newcomers of each of them', async () => {
    const { index, feed } = memoryStore()
    const ask = asking(index, { feed })
    const follow = (collection: string, dids: readonly string[]) =>
      feed.apply({ feed: 'feed:x', added: dids.map((did) => ({ did, collection })) })
    await follow(nameOf(0), didsFrom(0, 5))
    await follow(nameOf(1), didsFrom(3, 5))
    const query = `${asked(names.slice(0, 2))}&limit=3`
    let cursor: string | undefined
    const pass = async () => {
      const given: string[] = []
      for (;;) {
        const page = await ask(`${query}${cursor === undefined ? '' : `&cursor=${cursor}`}`)
        given.push(...page.repos.map(({ did }) => did))
        if (page.cursor === undefined) return given
        cursor = page.cursor
      }
    }
    expect(await pass()).toEqual(didsFrom(0, 8).sort())
    await follow(nameOf(1), didsFrom(0, 2))
    await follow(nameOf(0), didsFrom(20, 4))
    await follow(nameOf(2), didsFrom(30, 4))
    expect(await pass()).toEqual([...didsFrom(0, 2), ...didsFrom(20, 4)])
    expect(await pass()).toEqual([])
  })
})

describe('no collection', () => {
  it('is all repos, in order and without repeats', async () => {
    const index = memoryIndex(new Map(names.map((nsid, i) => [nsid, new Set(didsFrom(i, 9))])))
    expect(await walk(asking(index), 'limit=4')).toEqual(didsFrom(0, 29).sort())
  })

  it('is refused clearly where the index cannot tell', async () => {
    const { listRepos } = memoryIndex(new Map())
    const unindexed = async () => {
      throw new NotIndexedError('Build it.')
    }
    for (const index of [{ listRepos }, { listRepos, listAllRepos: unindexed }])
      expect(await asking(index)('')).toMatchObject({ status: 501, error: 'MethodNotImplemented' })
  })
})

describe('a larger limit', () => {
  it('is taken where it is allowed, and refused above 2,000 where it is not', async () => {
    const index = memoryIndex(new Map([[nameOf(0), new Set(didsFrom(0, 2_500))]]))
    const query = (limit: number) => `collection=${nameOf(0)}&limit=${limit}`
    expect((await asking(index, { maxLimit: 10_000 })(query(10_000))).repos).toHaveLength(2_500)
    expect(await asking(index, { maxLimit: 10_000 })(query(10_001))).toMatchObject({ status: 400 })
    const refused = await asking(index)(query(2_001))
    expect(refused).toMatchObject({ status: 400, error: 'InvalidRequest' })
    expect(JSON.stringify(refused)).not.toContain('does not serve')
    const little = await asking(index, { maxLimit: 100 })(`collection=${nameOf(0)}`)
    expect(little.repos).toHaveLength(100)
    for (const maxLimit of [0, 10_001, 1.5])
      expect(() => asking(index, { maxLimit })).toThrow(expect.objectContaining({ option: 'maxLimit' }))
  })
})

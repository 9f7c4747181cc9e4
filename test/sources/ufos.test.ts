import { describe, expect, it, test } from 'vitest'
import { type UfosOptions, ufos } from '../../src/index.ts'
import { collectionSourceSuite } from '../../src/testing/index.ts'
import { fixtureOf, pageOf, readSource, serveList } from '../support/served-list.ts'

describe('ufos keeps what a source promises', () => {
  for (const { name, run } of collectionSourceSuite) {
    test(name, () =>
      run(async (known) => {
        const server = await serveList((query) => {
          const { page, cursor = null } = pageOf(known, query)
          const entry = { creates: 1, updates: 0, deletes: 0 }
          const collections = page.map(({ nsid, estimatedRepos }) => ({
            ...entry,
            nsid,
            dids_estimate: estimatedRepos,
          }))
          return { body: { collections, cursor } }
        })
        return fixtureOf(server, ufos({ url: `${server.origin}/collections`, minRepos: 0 }))
      }),
    )
  }
})

describe('ufos', () => {
  const row = (nsid: unknown, repos: unknown) => ({ nsid, dids_estimate: repos })
  const read = async (collections: unknown[], options: UfosOptions = {}) => {
    await using server = await serveList(() => ({ body: { collections, cursor: null } }))
    const result = await readSource(ufos({ url: `${server.origin}/collections`, ...options }))
    expect(result.error).toBeUndefined()
    return { ...result, queries: server.queries }
  }

  it('asks for the largest pages', async () => {
    expect((await read([])).queries).toEqual([{ limit: '200' }])
  })

  it('leaves out what fewer than five repos use, or as many as it is told', async () => {
    const rows = [0, 1, 4, 5, 6, 70].map((repos) => row(`a.b.c${repos}`, repos))
    const found = async (options: UfosOptions) =>
      (await read(rows, options)).found.map(({ estimatedRepos }) => estimatedRepos)
    expect(await found({})).toEqual([5, 6, 70])
    expect(await found({ minRepos: 70 })).toEqual([70])
    expect(await found({ minRepos: 0 })).toEqual([0, 1, 4, 5, 6, 70])
  })

  it('gives a collection whose estimate is no number, for nothing speaks against it', async () => {
    const { found } = await read([row('a.b.c', undefined), row('a.b.d', '3'), row('a.b.e', -1)])
    expect(found).toEqual([{ nsid: 'a.b.c' }, { nsid: 'a.b.d' }, { nsid: 'a.b.e' }])
  })

  it('gives rows without a name as names that are none, so that they are counted', async () => {
    const { found } = await read([null, 7, 'a.b.c', [], {}, row(9, 50), row('a.b.d', 50)])
    expect(found).toEqual([
      ...Array(5).fill({ nsid: '' }),
      { nsid: '', estimatedRepos: 50 },
      { nsid: 'a.b.d', estimatedRepos: 50 },
    ])
  })

  it('goes on over pages of which nothing is left', async () => {
    await using server = await serveList((query) => {
      const at = Number(query.get('cursor') ?? 0)
      return at < 120
        ? { body: { collections: [row(`a.b.c${at}`, 1)], cursor: String(at + 1) } }
        : { body: { collections: [row('a.b.last', 9)], cursor: null } }
    })
    expect(await readSource(ufos({ url: server.origin }))).toEqual({
      found: [{ nsid: 'a.b.last', estimatedRepos: 9 }],
      error: undefined,
    })
  })

  it.each([
    ['url', { url: 'ufos-api.microcosm.blue' }],
    ['minRepos', { minRepos: -1 }],
    ['minRepos', { minRepos: 1.5 }],
  ] satisfies [string, UfosOptions][])('refuses a bad %s: %j', (option, options) => {
    expect(() => ufos(options)).toThrowError(expect.objectContaining({ name: 'InvalidOptionError', option }))
  })

  it('is asked for at microcosm unless told otherwise', async () => {
    const asked: string[] = []
    const source = ufos({
      fetch: async (input) => {
        asked.push(new Request(input).url)
        return Response.json({ collections: [row('a.b.c', 5)], cursor: null })
      },
    })
    expect((await readSource(source)).found).toEqual([{ nsid: 'a.b.c', estimatedRepos: 5 }])
    expect([source.name, asked]).toEqual([
      'ufos-api.microcosm.blue/collections',
      ['https://ufos-api.microcosm.blue/collections?limit=200'],
    ])
  })
})

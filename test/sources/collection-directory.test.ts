import { describe, expect, it, test, vi } from 'vitest'
import { collectionDirectory } from '../../src/index.ts'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { xrpcHandler } from '../../src/server/index.ts'
import { collectionSourceSuite } from '../../src/testing/index.ts'
import { serve } from '../support/serve.ts'
import { fixtureOf, pageOf, readSource, serveList } from '../support/served-list.ts'

describe('collectionDirectory keeps what a source promises', () => {
  for (const { name, run } of collectionSourceSuite) {
    test(name, () =>
      run(async (known) => {
        const server = await serveList((query) => {
          const { page, cursor = '' } = pageOf(known, query)
          const counts = page.map(({ nsid, estimatedRepos }) => [nsid, estimatedRepos ?? null])
          return { body: { collections: Object.fromEntries(counts), cursor } }
        })
        return fixtureOf(server, collectionDirectory(server.origin))
      }),
    )
  }
})

describe('collectionDirectory', () => {
  const everything = {
    'app.bsky.feed.like': 14_000_000,
    'app.bsky.feed.post': 9_000_000,
    'com.example.thing': 5,
  }
  const expected = Object.entries(everything).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))

  it('reads a server that gives everything at once, whose cursor leads to an empty page', async () => {
    await using server = await serveList((query) =>
      query.has('cursor')
        ? { body: { collections: {}, cursor: '' } }
        : { body: { collections: everything, cursor: 'com.example.thing' } },
    )
    expect(await readSource(collectionDirectory(server.origin))).toEqual({
      found: expected,
      error: undefined,
    })
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/v1/listCollections?limit=1000',
      '/v1/listCollections?limit=1000&cursor=com.example.thing',
    ])
  })

  it('reads a server that gives page after page', async () => {
    await using server = await serveList((query) => {
      const { page, cursor = '' } = pageOf(Object.entries(everything), query, 2)
      return { body: { collections: Object.fromEntries(page), cursor } }
    })
    expect(await readSource(collectionDirectory(server.origin))).toEqual({
      found: expected,
      error: undefined,
    })
    expect(server.requests).toHaveLength(2)
  })

  it('reads what xrpcHandler serves', async () => {
    const names = Array.from({ length: 1_200 }, (_, i) => `com.example.n${String(i).padStart(4, '0')}`)
    const pairs = new Map(names.map((name, i) => [name, new Set([`did:web:a${i}`, 'did:web:b'])]))
    await using served = await serve(xrpcHandler({ index: memoryIndex(pairs) }))
    const { found, error } = await readSource(collectionDirectory(served.url))
    expect(error).toBeUndefined()
    expect(found).toEqual(names.map((nsid) => ({ nsid, estimatedRepos: 2 })))
  })

  it('waits a minute and a half for an answer, since the first one after a start can take a minute', async () => {
    vi.useFakeTimers()
    try {
      const reading = readSource(collectionDirectory('relay.example', { fetch: () => new Promise(() => {}) }))
      await vi.advanceTimersByTimeAsync(89_999)
      expect(await Promise.race([reading, 'waiting'])).toBe('waiting')
      await vi.advanceTimersByTimeAsync(1)
      expect((await reading).error).toMatchObject({ code: 'RELAY_TIMEOUT', retryable: true })
    } finally {
      vi.useRealTimers()
    }
  })

  it('does not keep a caller waiting who aborts', async () => {
    await using server = await serveList(() => undefined)
    const controller = new AbortController()
    const reason = new Error('enough')
    const reading = readSource(collectionDirectory(server.origin), controller.signal)
    await server.nextRequest()
    expect(server.open()).toBe(1)
    controller.abort(reason)
    expect((await reading).error).toBe(reason)
    await expect.poll(() => server.open()).toBe(0)
  })

  it.each([
    ['text', '12'],
    ['less than nothing', -1],
    ['a fraction', 1.5],
    ['nothing', null],
    ['huge', 1e300],
  ])('a count that is %s is no estimate, and the collection counts all the same', async (_, count) => {
    await using server = await serveList(() => ({ body: { collections: { 'a.b.c': count }, cursor: '' } }))
    expect(await readSource(collectionDirectory(server.origin))).toEqual({
      found: [{ nsid: 'a.b.c' }],
      error: undefined,
    })
  })

  it.each(['https://relay.example/path', 'user:secret@relay.example', ''])(
    'refuses the relay %j',
    (relay) => {
      expect(() => collectionDirectory(relay)).toThrowError(
        expect.objectContaining({ name: 'InvalidOptionError', option: 'relay' }),
      )
    },
  )

  it('is named after the relay and the path, and asks nobody before it is read', () => {
    expect(collectionDirectory('relay.example').name).toBe('relay.example/v1/listCollections')
  })
})

import { describe, expect, it, vi } from 'vitest'
import { InvalidOptionError, type RepoIndex, StoreUnavailableError } from '../../../src/index.ts'
import { memoryIndex } from '../../../src/memory/memory-index.ts'
import { type XrpcHandlerOptions, xrpcHandler } from '../../../src/server/index.ts'
import { didsFrom, ODD_DIDS } from '../../../src/testing/suites/samples.ts'

const METHOD = '/xrpc/com.atproto.sync.listReposByCollection'
const POST = 'app.bsky.feed.post'
const LIKE = 'app.bsky.feed.like'
const DIDS = didsFrom(0, 1_200).sort()

const index = memoryIndex(
  new Map([
    [POST, new Set(DIDS)],
    [LIKE, new Set(DIDS)],
    ['com.example.odd', new Set(ODD_DIDS)],
  ]),
)

function handlerOf(options: Partial<XrpcHandlerOptions> = {}) {
  const handler = xrpcHandler({ index, ...options })
  return (path: string, init?: RequestInit) => handler(new Request(`http://relay.example${path}`, init))
}

const ask = handlerOf()

interface Page {
  repos: { did: string }[]
  cursor?: string
}

async function pageOf(query: string, asked = ask): Promise<Page> {
  const response = await asked(`${METHOD}?${query}`)
  expect(response.status).toBe(200)
  return (await response.json()) as Page
}

const didsOf = ({ repos }: Page) => repos.map(({ did }) => did)

async function refusal(query: string, asked = ask) {
  const response = await asked(`${METHOD}?${query}`)
  return { status: response.status, ...((await response.json()) as object) }
}

const INVALID = { status: 400, error: 'InvalidRequest', message: expect.any(String) }

describe('listReposByCollection', () => {
  it('gives 500 repos unless it is told otherwise, and 1 to 2000 when it is', async () => {
    expect(didsOf(await pageOf(`collection=${POST}`))).toEqual(DIDS.slice(0, 500))
    expect(didsOf(await pageOf(`collection=${POST}&limit=1`))).toEqual(DIDS.slice(0, 1))
    expect(await pageOf(`collection=${POST}&limit=2000`)).toEqual({ repos: DIDS.map((did) => ({ did })) })
  })

  it('comes to the end of the list by its cursors, with none on the last page', async () => {
    const read: string[] = []
    let cursor: string | undefined = ''
    for (let pages = 0; cursor !== undefined && pages < 10; pages += 1) {
      const page = await pageOf(`collection=${POST}&limit=300&cursor=${encodeURIComponent(cursor)}`)
      read.push(...didsOf(page))
      cursor = page.cursor
    }
    expect(cursor).toBeUndefined()
    expect(read).toEqual(DIDS)
  })

  it('goes on behind a DID of any length', async () => {
    const read: string[] = []
    let cursor: string | undefined = ''
    while (cursor !== undefined) {
      const page: Page = await pageOf(`collection=com.example.odd&limit=1&cursor=${cursor}`)
      read.push(...didsOf(page))
      cursor = page.cursor
    }
    expect(read).toEqual([...ODD_DIDS].sort())
  })

  it('gives an empty list for a collection that nobody has', async () => {
    expect(await pageOf('collection=com.example.unknown')).toEqual({ repos: [] })
  })

  it.each([
    '',
    'collection=',
    'collection=app.bsky',
    'collection=app.bsky.feed.post%00',
    `collection=${POST}&collection=${POST}`,
  ])('refuses what is not one NSID: %s', async (query) => {
    expect(await refusal(query)).toEqual(INVALID)
  })

  it.each(['0', '2001', '-1', '1.5', '1e3', '0x10', ' 5', '', 'all', '5&limit=5'])(
    'refuses a limit of %s',
    async (limit) => {
      expect(await refusal(`collection=${POST}&limit=${limit}`)).toEqual(INVALID)
    },
  )

  it('refuses a cursor of another collection in plain words', async () => {
    const { cursor = '' } = await pageOf(`collection=${POST}&limit=10`)
    for (const other of [LIKE, 'app.bsky.feed.postgate', 'app.bsky.feed'])
      expect(await refusal(`collection=${other}&cursor=${cursor}`), other).toEqual({
        ...INVALID,
        message: 'Invalid cursor for this collection',
      })
  })

  it('refuses text that is not a cursor', async () => {
    const { cursor = '' } = await pageOf(`collection=${POST}&limit=10`)
    const base64 = (bytes: string) => btoa(bytes).replaceAll('=', '')
    const bad = [
      'x',
      '.',
      'A',
      DIDS[9] ?? '',
      base64(DIDS[9] ?? ''),
      base64(POST),
      base64(`${POST}\0\xff`),
      cursor.slice(0, 8),
      `${cursor}!`,
      `${cursor}%0A`,
      'A'.repeat(100_000),
      `${cursor}&cursor=${cursor}`,
    ]
    for (const given of bad)
      expect(await refusal(`collection=${POST}&cursor=${given}`), given.slice(0, 99)).toEqual(INVALID)
  })

  it('honours the cursors of another instance, and of an earlier one', async () => {
    const { cursor } = await pageOf(`collection=${POST}&limit=10`, handlerOf())
    const query = `collection=${POST}&limit=1&cursor=${cursor}`
    expect(didsOf(await pageOf(query, handlerOf()))).toEqual([DIDS[10]])
  })

  it('gives an index its own cursors back, whatever they are', async () => {
    const cursors = ['', 'a', '\0', `${LIKE}\0x`, '\uFEFFä€😀', DIDS[0] ?? '']
    let given: (string | undefined)[] = []
    const echoing: RepoIndex = {
      async listRepos(_, { cursor } = {}) {
        given = [...given, cursor]
        return { dids: [], cursor: cursors[given.length - 1] }
      },
    }
    const asked = handlerOf({ index: echoing })
    let query = `collection=${POST}`
    for (const _ of cursors) {
      const { cursor } = await pageOf(query, asked)
      query = `collection=${POST}&cursor=${cursor}`
    }
    await pageOf(query, asked)
    expect(given).toEqual([undefined, ...cursors])
  })

  it('refuses a cursor that the index refuses', async () => {
    const strict: RepoIndex = {
      async listRepos(_, { cursor } = {}) {
        if (cursor !== undefined) throw new InvalidOptionError('cursor', 'one of today', cursor)
        return { dids: [], cursor: 'of yesterday' }
      },
    }
    const asked = handlerOf({ index: strict })
    const { cursor } = await pageOf(`collection=${POST}`, asked)
    expect(await refusal(`collection=${POST}&cursor=${cursor}`, asked)).toEqual(INVALID)
  })
})

describe('/v1/listCollections', () => {
  const names = Array.from({ length: 120 }, (_, i) => `com.example.n${String(i).padStart(3, '0')}`)
  const many = memoryIndex(new Map(names.map((nsid, i) => [nsid, new Set(didsFrom(0, i + 1))])))
  const asked = handlerOf({ index: many })
  const listed = async (query: string) => {
    const response = await asked(`/v1/listCollections${query}`)
    return [response.status, await response.json()]
  }

  it('gives each collection with its size, and an empty cursor at the end', async () => {
    expect(await listed('')).toEqual([
      200,
      { collections: Object.fromEntries(names.map((nsid, i) => [nsid, i + 1])), cursor: '' },
    ])
  })

  it('pages by 50 to 1000, as collectiondir cuts limits to that', async () => {
    const [, first] = await listed('?limit=1')
    expect(first).toMatchObject({ cursor: names[49] })
    expect(await listed(`?limit=100&cursor=${names[49]}`)).toMatchObject([200, { cursor: '' }])
    for (const [limit, size] of Object.entries({ 5000: 120, x: 120, '-7': 50 })) {
      const [, { collections }] = await listed(`?limit=${limit}`)
      expect(Object.keys(collections), limit).toHaveLength(size)
    }
  })

  it('counts those that are named, and leaves out what it does not hold', async () => {
    expect(await listed('?c=com.example.n004&c=com.example.unknown&c=com.example.n000')).toEqual([
      200,
      { collections: { 'com.example.n004': 5, 'com.example.n000': 1 }, cursor: '' },
    ])
    expect(
      (
        await listed(
          `?${names
            .slice(0, 20)
            .map((c) => `c=${c}`)
            .join('&')}`,
        )
      )[0],
    ).toBe(200)
  })

  it('refuses more than 20 names, and what is no NSID', async () => {
    expect(
      await listed(
        `?${names
          .slice(0, 21)
          .map((c) => `c=${c}`)
          .join('&')}`,
      ),
    ).toMatchObject([400, {}])
    expect(await listed('?c=nonsense')).toEqual([
      400,
      { error: 'InvalidRequest', message: expect.any(String) },
    ])
    expect(await listed('?cursor=a&cursor=b')).toMatchObject([400, {}])
  })

  it('counts one at a time, and gives a count again for a while', async () => {
    let counting = 0
    let most = 0
    const asks: string[] = []
    const slow: RepoIndex = {
      ...many,
      async countRepos(collection) {
        asks.push(collection)
        counting += 1
        most = Math.max(most, counting)
        await new Promise((resolve) => setImmediate(resolve))
        counting -= 1
        return many.countRepos(collection)
      },
    }
    const path = '/v1/listCollections?c=com.example.n001&c=com.example.n002&c=com.example.unknown'
    const keeping = handlerOf({ index: slow })
    await Promise.all([keeping(path), keeping(path)])
    await keeping(path)
    expect(most).toBe(1)
    expect(asks.filter((nsid) => nsid !== 'com.example.unknown').sort()).toEqual([
      'com.example.n001',
      'com.example.n002',
    ])
  })

  it('counts again after five minutes', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const countRepos = vi.fn(many.countRepos)
      const asking = handlerOf({ index: { ...many, countRepos } })
      for (const [passed, counted] of [
        [0, 1],
        [299_999, 1],
        [1, 2],
      ] as const) {
        vi.advanceTimersByTime(passed)
        await asking('/v1/listCollections?c=com.example.n001')
        expect(countRepos).toHaveBeenCalledTimes(counted)
      }
    } finally {
      vi.useRealTimers()
    }
  })

  it('counts again after a failure', async () => {
    let failing = true
    const flaky: RepoIndex = {
      ...many,
      async countRepos(collection) {
        if (failing) throw new Error('once')
        return many.countRepos(collection)
      },
    }
    const flakily = handlerOf({ index: flaky })
    expect((await flakily('/v1/listCollections?c=com.example.n001')).status).toBe(500)
    failing = false
    expect((await flakily('/v1/listCollections?c=com.example.n001')).status).toBe(200)
  })

  it('is not there for an index that cannot name its collections', async () => {
    const asking = handlerOf({ index: { listRepos: index.listRepos } })
    expect((await asking('/v1/listCollections')).status).toBe(404)
    const { countRepos: _, ...uncounted } = index
    expect((await handlerOf({ index: uncounted })(`/v1/listCollections?c=${POST}`)).status).toBe(501)
  })
})

describe('as a neighbour on the web, xrpcHandler', () => {
  it('may be asked from any page, and says so with every answer', async () => {
    const paths = [`${METHOD}?collection=${POST}`, METHOD, '/nothing', '/xrpc/com.example.unknown']
    for (const path of paths)
      expect((await ask(path)).headers.get('access-control-allow-origin'), path).toBe('*')
  })

  it('answers the question before the request', async () => {
    const headers = {
      origin: 'https://app.example',
      'access-control-request-headers': 'atproto-proxy, x-own',
    }
    const response = await ask(METHOD, { method: 'OPTIONS', headers })
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS')
    expect(response.headers.get('access-control-allow-headers')).toBe('atproto-proxy, x-own')
  })

  it('answers HEAD as GET, without the body', async () => {
    for (const path of [`${METHOD}?collection=${POST}`, `${METHOD}?collection=x`, '/nothing']) {
      const [head, get] = [await ask(path, { method: 'HEAD' }), await ask(path)]
      expect([head.status, await head.text()]).toEqual([get.status, ''])
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'))
    }
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('refuses %s', async (method) => {
    const response = await ask(`${METHOD}?collection=${POST}`, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    expect(await response.json()).toMatchObject({ error: 'MethodNotAllowed' })
  })

  it('names what it does not know', async () => {
    const unknown = await ask('/xrpc/com.atproto.sync.getRepo?did=did:web:a.example')
    expect([unknown.status, await unknown.json()]).toMatchObject([501, { error: 'MethodNotImplemented' }])
    const nothing = await ask('/')
    expect([nothing.status, await nothing.json()]).toMatchObject([404, { error: 'NotFound' }])
  })
})

describe('when the index fails, xrpcHandler', () => {
  const failing = (error: unknown) => {
    const onError = vi.fn()
    const listRepos = async () => {
      throw error
    }
    return { onError, asked: handlerOf({ index: { listRepos }, onError }) }
  }

  it('says that it may be asked later, where that is so', async () => {
    const error = new StoreUnavailableError('postgres://secret is down', undefined)
    const { onError, asked } = failing(error)
    const response = await asked(`${METHOD}?collection=${POST}`)
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await response.text()).not.toContain('secret')
    expect(onError.mock.calls).toEqual([[{ request: expect.any(Request), error }]])
  })

  it('passes on how long the store asks to wait, also as an error of another copy of the package', async () => {
    const fields = { code: 'STORE_UNAVAILABLE', retryable: true, retryAfterMs: 6_100 }
    const error = Object.assign(new Error('busy'), fields)
    const response = await failing(error).asked(`${METHOD}?collection=${POST}`)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
  })

  it('tells the client nothing of the reason, and the operator everything', async () => {
    const error = new Error('column "secret" does not exist')
    const { onError, asked } = failing(error)
    const response = await asked(`${METHOD}?collection=${POST}`)
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({
      error: 'InternalServerError',
      message: expect.not.stringContaining('secret'),
    })
    expect(onError).toHaveBeenCalledOnce()
  })

  it('stops reading when the client is gone, and calls that no failure', async () => {
    const controller = new AbortController()
    const onError = vi.fn()
    const reading = Promise.withResolvers<AbortSignal | undefined>()
    const silent: RepoIndex = {
      listRepos: (_, { signal } = {}) => {
        reading.resolve(signal)
        return new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason)),
        )
      },
    }
    const answer = handlerOf({ index: silent, onError })(`${METHOD}?collection=${POST}`, {
      signal: controller.signal,
    })
    await reading.promise
    controller.abort()
    expect((await answer).status).toBe(499)
    expect(onError).not.toHaveBeenCalled()
  })
})

describe('the options of xrpcHandler', () => {
  it('are looked at up front', () => {
    const noIndex = {} as RepoIndex
    expect(() => xrpcHandler({ index: noIndex })).toThrow(expect.objectContaining({ option: 'index' }))
  })
})

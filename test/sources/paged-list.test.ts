import { describe, expect, it } from 'vitest'
import {
  type CollectionSource,
  CursorLoopError,
  collectionDirectory,
  type HttpOptions,
  lexiconGarden,
  RelayError,
  TooManyEmptyPagesError,
  ufos,
} from '../../src/index.ts'
import { readSource, type Said, serveList } from '../support/served-list.ts'

interface Kind {
  name: string
  make: (origin: string, options?: HttpOptions) => CollectionSource
  /** A page with these names. */
  page: (nsids: readonly unknown[], cursor?: unknown) => Record<string, unknown>
}

/** Answers with a list of one lexicon, so that the server is only asked for its records. */
const withList: typeof fetch = async (input, init) =>
  new URL(new Request(input).url).pathname === '/llms.txt'
    ? new Response('- [`a.b.c`](x)')
    : fetch(input, init)

const kinds: Kind[] = [
  {
    name: 'collectionDirectory',
    make: (origin, options) => collectionDirectory(origin, options),
    page: (nsids, cursor) => ({
      collections: Object.fromEntries(nsids.map((nsid) => [nsid, 7])),
      cursor,
    }),
  },
  {
    name: 'ufos',
    make: (origin, options) => ufos({ url: `${origin}/collections`, ...options }),
    page: (nsids, cursor) => ({
      collections: nsids.map((nsid) => ({ nsid, creates: 9, updates: 0, deletes: 1, dids_estimate: 7 })),
      cursor,
    }),
  },
  {
    name: 'lexiconGarden with recordsOnly',
    make: (origin, options) =>
      lexiconGarden({ url: `${origin}/llms.txt`, recordsOnly: true, fetch: withList, ...options }),
    page: (nsids, cursor) => ({ lexicons: nsids, cursor }),
  },
]

describe.each(kinds)('$name', ({ make, page }) => {
  const said = (nsids: readonly unknown[], cursor?: unknown): Said => ({ body: page(nsids, cursor) })
  const names = ({ found }: { found: { nsid: string }[] }) => found.map(({ nsid }) => nsid)

  it('ends in an error beyond 100,000 names, and what it gave before counts', async () => {
    const some = Array.from({ length: 30_000 }, (_, i) => `a.b.c${i}`)
    await using server = await serveList(() => said(some, crypto.randomUUID()))
    const { found, error } = await readSource(make(server.origin))
    expect(found).toHaveLength(90_000)
    expect(error).toMatchObject({ code: 'RELAY_BAD_ANSWER', retryable: false })
    expect(String(error)).toContain('gave more than 100000 names')
  })

  it.each([
    ['left out', undefined],
    ['null', null],
    ['an empty string', ''],
  ])('ends with the page whose cursor is %s, also when it is a full one or an empty one', async (_, last) => {
    for (const final of [['a.b.c3'], []]) {
      await using server = await serveList((query) =>
        query.has('cursor') ? said(final, last) : said(['a.b.c1', 'a.b.c2'], 'x+/= 2'),
      )
      const read = await readSource(make(server.origin))
      expect([names(read), read.error]).toEqual([['a.b.c1', 'a.b.c2', ...final], undefined])
      expect(server.queries.map(({ cursor }) => cursor)).toEqual([undefined, 'x+/= 2'])
      const [first, second] = server.queries
      expect(second).toEqual({ ...first, cursor: 'x+/= 2' })
    }
  })

  it('gives a list without any entry as an empty one', async () => {
    await using server = await serveList(() => said([]))
    expect(await readSource(make(server.origin))).toEqual({ found: [], error: undefined })
  })

  it('goes on over a page that is empty and has a cursor', async () => {
    await using server = await serveList(
      (query) =>
        ({ '': said(['a.b.c1'], '1'), 1: said([], '2'), 2: said(['a.b.c2']) })[query.get('cursor') ?? ''],
    )
    expect(names(await readSource(make(server.origin)))).toEqual(['a.b.c1', 'a.b.c2'])
  })

  it('leaves names that are none for the caller to count', async () => {
    await using server = await serveList(() => said(['a.b.c1', 'not-an-nsid', '', '__proto__', 'a.b.c2']))
    expect(names(await readSource(make(server.origin)))).toEqual(
      expect.arrayContaining(['a.b.c1', 'not-an-nsid', 'a.b.c2']),
    )
  })

  it.each([
    ['a page of HTML', { body: '<html>We will be back</html>', headers: { 'content-type': 'text/html' } }],
    ['no body', { body: '' }],
    ['a list in the place of the object', { body: [] }],
    ['null', { body: 'null' }],
    ['an object without the list', { body: { cursor: '' } }],
    ['a list of another type', { body: { collections: 'a.b.c', lexicons: { 'a.b.c': 1 }, cursor: '' } }],
    ['a cursor that is a number', said(['a.b.c'], 5)],
    ['a cursor of a megabyte', said(['a.b.c'], 'x'.repeat(1_000_000))],
    ['nothing but names that are none', said(['-', 'x'])],
  ])('takes %s for no page', async (_, answer) => {
    await using server = await serveList(() => answer)
    const { found, error } = await readSource(make(server.origin))
    expect(found).toEqual([])
    expect(error).toBeInstanceOf(RelayError)
    expect(error).toMatchObject({ code: 'RELAY_BAD_ANSWER', retryable: true })
  })

  it('gives what came before a bad page, and then the error', async () => {
    await using server = await serveList((query) =>
      query.has('cursor') ? { body: '{"colle' } : said(['a.b.c1'], '2'),
    )
    const read = await readSource(make(server.origin))
    expect(names(read)).toEqual(['a.b.c1'])
    expect(read.error).toMatchObject({ code: 'RELAY_BAD_ANSWER', cursor: '2' })
  })

  it.each([1, 2, 5])('a list that runs in a circle of %d cursors ends with an error', async (length) => {
    await using server = await serveList((query) => {
      const at = Number(query.get('cursor') ?? 0)
      return said([`a.b.c${at}`], String((at % length) + 1))
    })
    const { error } = await readSource(make(server.origin))
    expect(error).toBeInstanceOf(CursorLoopError)
    expect(server.requests.length).toBeLessThan(4 * length + 4)
  })

  it('empty pages without end are an error', async () => {
    await using server = await serveList((query) => said([], String(Number(query.get('cursor') ?? 0) + 1)))
    expect((await readSource(make(server.origin))).error).toBeInstanceOf(TooManyEmptyPagesError)
    expect(server.requests).toHaveLength(100)
  })

  it('reads no more of a body than it may', async () => {
    await using server = await serveList(() => said(Array.from({ length: 5_000 }, (_, i) => `a.b.c${i}`)))
    expect((await readSource(make(server.origin, { maxBodyBytes: 10_000 }))).error).toMatchObject({
      code: 'RELAY_BAD_ANSWER',
      message: expect.stringContaining('more than 10000 bytes'),
    })
  })

  it('says how long a server asks to wait, and is not the first to ask again', async () => {
    await using server = await serveList(() => ({ status: 429, headers: { 'retry-after': '1' }, body: '' }))
    const source = make(server.origin)
    expect((await readSource(source)).error).toMatchObject({
      code: 'RELAY_STATUS',
      status: 429,
      retryable: true,
      retryAfterMs: 1_000,
    })
    const before = performance.now()
    await readSource(source)
    // What was waited for is no less than was asked; the clock of the timer may be a millisecond off.
    expect(performance.now() - before).toBeGreaterThan(990)
    expect(server.requests).toHaveLength(2)
  })

  it('ends when nothing comes, after its time', async () => {
    await using server = await serveList(() => undefined)
    expect((await readSource(make(server.origin, { timeoutMs: 100 }))).error).toMatchObject({
      code: 'RELAY_TIMEOUT',
      retryable: true,
    })
  })

  it('a server that does not have it is asked once', async () => {
    await using server = await serveList(() => ({ status: 404, body: { error: 'Not Found' } }))
    expect((await readSource(make(server.origin))).error).toMatchObject({
      code: 'RELAY_STATUS',
      status: 404,
      retryable: false,
      message: expect.stringMatching(/answered 404 for \/.*: Not Found\. It does not serve this/),
    })
    expect(server.requests).toHaveLength(1)
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isValidNsid } from '@atproto/syntax'
import { describe, expect, test } from 'vitest'
import { RelayError } from '../../src/errors.ts'
import { type LexiconGardenOptions, lexiconGarden } from '../../src/sources/lexicon-garden.ts'
import { collectionSourceSuite } from '../../src/testing/index.ts'
import { gardenText } from '../../src/testing/test-garden.ts'
import { startAnswering, startServer } from '../support/http-server.ts'
import { fixtureOf, pageOf, readSource, type ServedList, serveList } from '../support/served-list.ts'

const LIST = readFileSync(join(import.meta.dirname, '../fixtures/lexicon-garden-llms.txt'), 'utf8')

async function nsids(options: LexiconGardenOptions, signal?: AbortSignal): Promise<string[]> {
  const found: string[] = []
  for await (const { nsid } of lexiconGarden(options).collections({ signal })) found.push(nsid)
  return found
}

describe('the list of lexicon garden', () => {
  test('gives each NSID in it, and none of the prose and links between', async () => {
    await using server = await startAnswering(200, LIST, { 'content-type': 'text/plain; charset=utf-8' })
    const found = await nsids({ url: `${server.origin}/llms.txt` })
    expect(found).toHaveLength(587)
    expect(found).toContain('app.bsky.feed.post')
    expect(found).not.toContain('com.example.thing.record')
    expect(found).not.toContain('not-an-nsid')
    expect(found.every((nsid) => isValidNsid(nsid))).toBe(true)
    expect(server.requests.map(({ url }) => url)).toEqual(['/llms.txt'])
  })

  test.each([
    ['an entry', '- [`a.b.c`](https://x)', ['a.b.c']],
    [
      'entries, repeats and case as they are',
      '- [`a.b.c`](x)\r\n- [`a.b.C`](x)\n- [`a.b.c`](x)',
      ['a.b.c', 'a.b.C', 'a.b.c'],
    ],
    ['nothing but the beginning of a line', '- [`a.b.c`](x)\n see - [`d.e.f`](x)\n* [`g.h.i`](x)', ['a.b.c']],
    [
      'valid names alone',
      '- [`a.b.c`](x)\n- [`a..c`](x)\n- [`a.b`](x)\n- [``](x)\n- [`a b.c.d`](x)',
      ['a.b.c'],
    ],
    ['no name that spans lines', '- [`a.b.c`](x)\n- [`d.e\n.f`](x)', ['a.b.c']],
  ])('gives %s', async (_, body, expected) => {
    await using server = await startAnswering(200, body)
    expect(await nsids({ url: server.origin })).toEqual(expected)
  })

  test('is asked for at lexicon.garden unless told otherwise, and only when it is read', async () => {
    const asked: string[] = []
    const source = lexiconGarden({
      fetch: async (input) => {
        asked.push(new Request(input).url)
        return new Response('- [`a.b.c`](x)')
      },
    })
    const collections = source.collections()[Symbol.asyncIterator]()
    expect([source.name, asked]).toEqual(['lexicon.garden', []])
    expect(await collections.next()).toEqual({ done: false, value: { nsid: 'a.b.c' } })
    expect(asked).toEqual(['https://lexicon.garden/llms.txt'])
  })
})

describe('a source that fails says so', () => {
  test.each(['', '<html>We will be back</html>', '# Lexicon Garden\n\nno entries', '- [`not-an-nsid`](x)'])(
    'rubbish is not the news that nothing is known: %j',
    async (body) => {
      await using server = await startAnswering(200, body)
      const error: unknown = await nsids({ url: `${server.origin}/llms.txt` }).catch((reason) => reason)
      expect(error).toBeInstanceOf(RelayError)
      expect(error).toMatchObject({ code: 'RELAY_BAD_ANSWER', relay: `${server.origin}/llms.txt` })
    },
  )

  test('in the words of the server', async () => {
    await using server = await startAnswering(503, 'down for repairs')
    const error: unknown = await nsids({ url: `${server.origin}/llms.txt` }).catch((reason) => reason)
    expect(error).toMatchObject({
      code: 'RELAY_STATUS',
      retryable: true,
      message: expect.stringContaining(`${server.host} answered 503 for /llms.txt: down for repairs.`),
    })
  })

  test('within its time', async () => {
    await using server = await startServer(() => {})
    await expect(nsids({ url: server.origin, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'RELAY_TIMEOUT',
    })
  })

  test('with the caller’s own reason when it is aborted', async () => {
    const caller = new AbortController()
    const reason = new Error('enough')
    await using server = await startServer(() => caller.abort(reason))
    await expect(nsids({ url: server.origin }, caller.signal)).rejects.toBe(reason)
  })
})

test.each(['', 'lexicon.garden', 'ftp://lexicon.garden/', 'https://user:secret@lexicon.garden/'])(
  'the url %j is refused, without a password in the error',
  (url) => {
    expect(() => lexiconGarden({ url })).toThrowError(
      expect.objectContaining({
        name: 'InvalidOptionError',
        option: 'url',
        message: expect.not.stringContaining('secret'),
      }),
    )
  },
)

/** A lexicon garden whose list holds all of these, and whose `garden.lexicon.browse` says that the `records` are records. */
function serveGarden(
  listed: readonly string[],
  records: readonly unknown[],
  size?: number,
): Promise<ServedList> {
  return serveList((query) => {
    const prefix = query.get('prefix')
    if (prefix === null) return { headers: { 'content-type': 'text/plain' }, body: gardenText(listed) }
    const { page: lexicons, cursor } = pageOf(
      records.filter((nsid) => String(nsid).startsWith(`${prefix}.`)),
      query,
      size,
    )
    return { body: { lexicons, cursor } }
  })
}

describe('with recordsOnly, lexicon garden keeps what a source promises', () => {
  for (const { name, run } of collectionSourceSuite) {
    test(name, () =>
      run(async (known) => {
        const names = known.map(({ nsid }) => nsid)
        const server = await serveGarden(names.length === 0 ? ['com.example.query'] : names, names)
        return fixtureOf(server, lexiconGarden({ url: `${server.origin}/llms.txt`, recordsOnly: true }))
      }),
    )
  }
})

describe('with recordsOnly, lexicon garden', () => {
  test('is asked for the records under each first part of its list, each to its last page', async () => {
    const records = ['com.a.a', 'com.a.b', 'com.a.c', 'sh.x.y']
    await using server = await serveGarden([...records, 'com.a.query', 'app.bsky.query'], records, 2)
    const source = lexiconGarden({ url: `${server.origin}/llms.txt`, recordsOnly: true })
    expect(await readSource(source)).toEqual({ found: records.map((nsid) => ({ nsid })), error: undefined })
    const each = { lexiconType: 'record', limit: '100' }
    expect(server.queries).toEqual([
      {},
      { prefix: 'com', ...each },
      { prefix: 'com', cursor: '2', ...each },
      { prefix: 'sh', ...each },
      { prefix: 'app', ...each },
    ])
    expect(server.requests.map(({ url = '' }) => url.split('?')[0])).toEqual([
      '/llms.txt',
      ...Array(4).fill('/xrpc/garden.lexicon.browse'),
    ])
  })

  test('gives what is not text as names that are not valid', async () => {
    await using server = await serveList((query) =>
      query.has('prefix') ? { body: { lexicons: ['a.b.c', 5, null, {}] } } : { body: gardenText(['a.b.c']) },
    )
    const source = lexiconGarden({ url: server.origin, recordsOnly: true })
    expect((await readSource(source)).found).toEqual([{ nsid: 'a.b.c' }, ...Array(3).fill({ nsid: '' })])
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { gardenLexicons } from '../../src/index.ts'
import { collectionSourceSuite } from '../../src/testing/index.ts'
import { fixtureOf, pageOf, readSource, serveList } from '../support/served-list.ts'

const METHOD = 'xrpc/garden.lexicon.browse'

describe('gardenLexicons keeps what a source promises', () => {
  for (const { name, run } of collectionSourceSuite) {
    test(name, () =>
      run(async (known) => {
        const server = await serveList((query) => {
          const names = known
            .map(({ nsid }) => nsid)
            .filter((nsid) => nsid.startsWith(`${query.get('prefix')}.`))
          const { page: lexicons, cursor } = pageOf(names, query)
          return { body: { lexicons, cursor } }
        })
        return fixtureOf(server, gardenLexicons({ url: `${server.origin}/${METHOD}` }))
      }),
    )
  }
})

describe('gardenLexicons', () => {
  it('asks for the records under one prefix after the other, each to its last page', async () => {
    const lexicons: Record<string, string[]> = {
      com: ['com.a.a', 'com.a.b', 'com.a.c'],
      'app.bsky': [],
      sh: ['sh.x.y'],
    }
    await using server = await serveList((query) => {
      const { page, cursor } = pageOf(lexicons[query.get('prefix') ?? ''] ?? [], query, 2)
      return { body: { lexicons: page, cursor } }
    })
    const source = gardenLexicons({ url: `${server.origin}/${METHOD}`, prefixes: Object.keys(lexicons) })
    expect(await readSource(source)).toEqual({
      found: [{ nsid: 'com.a.a' }, { nsid: 'com.a.b' }, { nsid: 'com.a.c' }, { nsid: 'sh.x.y' }],
      error: undefined,
    })
    const each = { lexiconType: 'record', limit: '100' }
    expect(server.queries).toEqual([
      { prefix: 'com', ...each },
      { prefix: 'com', cursor: '2', ...each },
      { prefix: 'app.bsky', ...each },
      { prefix: 'sh', ...each },
    ])
  })

  it('asks without being told for every first part that lexicon garden’s own list has', async () => {
    const list = readFileSync(join(import.meta.dirname, '../fixtures/lexicon-garden-llms.txt'), 'utf8')
    const first = new Set(Array.from(list.matchAll(/^- \[`([^.`]+)\.[^`]+`\]/gm), ([, part = '']) => part))
    expect(first.size).toBeGreaterThan(10)
    const asked: (string | null)[] = []
    const source = gardenLexicons({
      fetch: async (input) => {
        const { origin, pathname, searchParams } = new URL(new Request(input).url)
        expect(`${origin}${pathname}`).toBe(`https://lexicon.garden/${METHOD}`)
        asked.push(searchParams.get('prefix'))
        return Response.json({ lexicons: [] })
      },
    })
    expect(await readSource(source)).toEqual({ found: [], error: undefined })
    expect(asked).toEqual(expect.arrayContaining([...first]))
    expect(new Set(asked).size).toBe(asked.length)
  })

  it('gives what is no text as names that are none', async () => {
    await using server = await serveList(() => ({ body: { lexicons: ['a.b.c', 5, null, {}] } }))
    const source = gardenLexicons({ url: server.origin, prefixes: ['a'] })
    expect((await readSource(source)).found).toEqual([{ nsid: 'a.b.c' }, ...Array(3).fill({ nsid: '' })])
  })

  it.each([[[]], [['']], [['com.']], [['.com']], [['a b']], [['com', '*']]])(
    'refuses the prefixes %j',
    (prefixes) => {
      expect(() => gardenLexicons({ prefixes })).toThrowError(
        expect.objectContaining({ name: 'InvalidOptionError', option: 'prefixes' }),
      )
    },
  )
})

import { describe, expect, it, test } from 'vitest'
import { type CollectionSource, knownCollections, matching } from '../../src/index.ts'
import { ufos } from '../../src/sources/ufos.ts'
import { collectionSourceSuite } from '../../src/testing/index.ts'
import { fixtureOf, pageOf, readSource, serveList } from '../support/served-list.ts'

describe('matching keeps what a source promises', () => {
  for (const { name, run } of collectionSourceSuite) {
    test(name, () =>
      run(async (known) => {
        // Others stand between those that match, first and last.
        const all = [
          { nsid: 'org.other.first' },
          ...known.flatMap((each) => [each, { nsid: 'org.other.more' }]),
        ]
        const server = await serveList((query) => {
          const { page, cursor } = pageOf(all, query)
          const rows = page.map(({ nsid, estimatedRepos }) => ({ nsid, dids_estimate: estimatedRepos }))
          return { body: { collections: rows, cursor } }
        })
        const source = matching(ufos({ url: server.origin, minRepos: 0 }), 'com.*')
        return fixtureOf(server, source)
      }),
    )
  }
})

const names = [
  'app.bsky.feed.post',
  'app.bsky.feed.like',
  'app.bsky.feed',
  'app.bskyish.feed.post',
  'com.app.bsky.x',
]

async function found(pattern: string | RegExp): Promise<string[]> {
  const { found } = await readSource(matching(knownCollections(names), pattern))
  return found.map(({ nsid }) => nsid)
}

describe('matching', () => {
  it.each<[string | RegExp, string[]]>([
    ['app.bsky.*', ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.bsky.feed']],
    ['app.bsky.feed.*', ['app.bsky.feed.post', 'app.bsky.feed.like']],
    ['app.*', ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.bsky.feed', 'app.bskyish.feed.post']],
    ['app.bsky.feed', ['app.bsky.feed']],
    ['app.bsky.Feed', []],
    [/\.post$/, ['app.bsky.feed.post', 'app.bskyish.feed.post']],
    [/BSKY\.x/i, ['com.app.bsky.x']],
  ])('%s', async (pattern, expected) => {
    expect(await found(pattern)).toEqual(expected)
  })

  it.each([/app/g, /app/y])(
    'a regular expression that remembers where it was is tried anew: %s',
    async (pattern) => {
      pattern.lastIndex = 2
      expect(await found(pattern)).toEqual(names.filter((name) => pattern.global || name.startsWith('app')))
      expect(pattern.lastIndex).toBe(2)
    },
  )

  it('keeps estimates, and leaves out what is no name', async () => {
    const source = {
      name: 'junk',
      async *collections() {
        yield* [{ nsid: 'a.b.c', estimatedRepos: 5 }, { nsid: undefined }, null, 7, { nsid: 'undefined' }]
      },
    } as unknown as CollectionSource
    expect((await readSource(matching(source, /^(a|undefined|null)/))).found).toEqual([
      { nsid: 'a.b.c', estimatedRepos: 5 },
      { nsid: 'undefined' },
    ])
  })

  it('says in its name what it leaves of which source', () => {
    expect(matching(knownCollections(names), 'app.bsky.*').name).toBe('known collections (app.bsky.*)')
    expect(matching(knownCollections(names), /x$/i).name).toBe('known collections (/x$/i)')
  })

  it.each(['', '*', '.*', 'app', 'app.bsky*', 'app..*', 'app.*.like', '*.post', '-.*'])(
    'refuses the pattern %j',
    (pattern) => {
      expect(() => matching(knownCollections(names), pattern)).toThrowError(
        expect.objectContaining({ name: 'InvalidOptionError', option: 'pattern' }),
      )
    },
  )

  it('refuses what is no source', () => {
    expect(() => matching({} as CollectionSource, 'app.*')).toThrowError(
      expect.objectContaining({ name: 'InvalidOptionError', option: 'source' }),
    )
  })
})

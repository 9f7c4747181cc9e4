import { describe, expect, it, test } from 'vitest'
import { type CollectionSource, knownCollections, ufos } from '../../src/index.ts'
import { isPattern, matching } from '../../src/sources/matching.ts'
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
        const source = matching(ufos({ url: server.origin, minRepos: 0 }), ['com.*'])
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

async function found(...patterns: string[]): Promise<string[]> {
  const { found } = await readSource(matching(knownCollections(names), patterns))
  return found.map(({ nsid }) => nsid)
}

describe('matching', () => {
  it.each<[string[], string[]]>([
    [['app.bsky.*'], ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.bsky.feed']],
    [['app.bsky.feed.*'], ['app.bsky.feed.post', 'app.bsky.feed.like']],
    [['app.*'], ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.bsky.feed', 'app.bskyish.feed.post']],
    [
      ['com.*', 'app.bskyish.*'],
      ['app.bskyish.feed.post', 'com.app.bsky.x'],
    ],
    [['app.Bsky.*'], []],
    [['*'], names],
  ])('%j', async (patterns, expected) => {
    expect(await found(...patterns)).toEqual(expected)
  })

  it('keeps estimates, and leaves out what is not a name', async () => {
    const source = {
      name: 'junk',
      async *collections() {
        yield* [{ nsid: 'a.b.c', estimatedRepos: 5 }, { nsid: undefined }, null, 7, { nsid: 'undefined' }]
      },
    } as unknown as CollectionSource
    expect((await readSource(matching(source, ['*']))).found).toEqual([
      { nsid: 'a.b.c', estimatedRepos: 5 },
      { nsid: 'undefined' },
    ])
  })

  it('says in its name what it leaves of which source, and is live where that is', () => {
    const live = { ...knownCollections(names), live: true }
    expect(matching(live, ['app.bsky.*', 'com.*'])).toMatchObject({
      name: 'known collections (app.bsky.*, com.*)',
      live: true,
    })
  })
})

it.each(['', '.*', 'app', 'app.bsky*', 'app..*', 'app.*.like', '*.post', '-.*', 'app.bsky.feed.post'])(
  '%j is not a pattern',
  (text) => {
    expect(isPattern(text)).toBe(false)
  },
)

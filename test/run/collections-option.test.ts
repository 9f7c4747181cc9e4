import { describe, expect, it } from 'vitest'
import {
  type CollectionSource,
  collectionDirectory,
  type KnownCollection,
  knownCollections,
  type RepoLister,
  relayLister,
} from '../../src/index.ts'
import { collectionChoice, sourcesOf } from '../../src/run/collections-option.ts'
import { type Discovery, discover } from '../../src/run/discovery.ts'
import { startRelay } from '../../src/testing/index.ts'
import { readSource } from '../support/served-list.ts'

const directory = collectionDirectory('relay.example')
const observed = {
  ...knownCollections(['app.bsky.feed.post', 'com.example.a']),
  name: 'observed',
  live: true,
}
const own = { directories: [directory], observed }

const named = (...given: (string | CollectionSource)[]) =>
  sourcesOf(collectionChoice(given), own).map(({ source }) => source.name)

describe('the option collections', () => {
  it('left out or empty, stands for lexicon garden, the relay’s own directory and the index', () => {
    expect(sourcesOf(collectionChoice(undefined), own).map(({ source }) => source.name)).toEqual([
      'lexicon.garden',
      directory.name,
      'observed',
    ])
    expect(named()).toEqual(['lexicon.garden', directory.name, 'observed'])
    expect(
      sourcesOf(collectionChoice(), { directories: [], observed: undefined }).map(
        ({ source }) => source.name,
      ),
    ).toEqual(['lexicon.garden'])
  })

  it('names alone are just these', async () => {
    const [only, ...others] = sourcesOf(collectionChoice(['com.example.a', 'com.example.b']), own)
    expect(others).toEqual([])
    expect((await readSource(only?.source as CollectionSource)).found).toEqual([
      { nsid: 'com.example.a' },
      { nsid: 'com.example.b' },
    ])
  })

  it('sources alone are just these, and names with them are further collections', () => {
    expect(named(observed)).toEqual(['observed'])
    expect(named(observed, 'com.example.a')).toEqual(['known collections', 'observed'])
  })

  it('a pattern alone leaves of the default sources what it matches', () => {
    expect(named('app.bsky.*')).toEqual([
      'lexicon.garden (app.bsky.*)',
      `${directory.name} (app.bsky.*)`,
      'observed (app.bsky.*)',
    ])
    expect(sourcesOf(collectionChoice(['app.bsky.*']), own).map(({ source }) => source.live)).toEqual([
      undefined,
      undefined,
      true,
    ])
  })

  it('a pattern filters the sources that are given, and no name', async () => {
    const sources = sourcesOf(collectionChoice(['app.*', observed, 'org.example.mine']), own)
    const found: KnownCollection[] = []
    for (const { source } of sources) found.push(...(await readSource(source)).found)
    expect(found).toEqual([{ nsid: 'org.example.mine' }, { nsid: 'app.bsky.feed.post' }])
  })

  it('* beside a name means the default sources and this name', () => {
    expect(named('*', 'com.example.mine')).toHaveLength(4)
  })

  it.each([
    ['a name that is not valid', ['posts']],
    ['a pattern in the middle', ['app.*.post']],
    ['something else', [{}]],
    ['nothing', [undefined]],
    ['a text for a list', 'app.bsky.feed.post'],
  ])('%s is refused', (_, given) => {
    expect(() => collectionChoice(given as never)).toThrowError(
      expect.objectContaining({ name: 'InvalidOptionError', option: 'collections' }),
    )
    expect(() => collectionChoice(given as never)).toThrow(/NSIDs such as app\.bsky\.feed\.post, patterns/)
  })
})

const signal = new AbortController().signal
const retry = { retries: 1, minDelayMs: 1, maxDelayMs: 1 }

/** What a run finds in the relay's own directory, among its default sources. */
function ask(lister: RepoLister): Promise<Discovery> {
  const directories = lister.directory === undefined ? [] : [lister.directory]
  const asked = sourcesOf(collectionChoice(), { directories, observed: undefined }).slice(1)
  return discover(asked, { relays: [lister], signal, retry, onRetry: () => {} })
}

describe('the relay’s own directory', () => {
  it('is asked where it has one, with sizes', async () => {
    const body = { collections: { 'com.example.a': 70 } }
    await using relay = await startRelay({
      collections: {},
      script: ({ path }) => (path === '/v1/listCollections' ? { status: 200, body } : undefined),
    })
    expect(await ask(relayLister(relay.url))).toMatchObject({
      collections: [{ nsid: 'com.example.a', estimatedRepos: 70 }],
      errors: [],
    })
  })

  it.each([
    ['404', { status: 404 }],
    ['403', { status: 403 }],
    ['401', { status: 401 }],
    ['501', { status: 501 }],
    ['a redirect to its home page', { status: 302, headers: { location: '/' } }],
    ['a page for people', { status: 200, body: '<html>Welcome</html>' }],
  ])('a relay that answers with %s has none, which is not a failure', async (_, fault) => {
    await using relay = await startRelay({ collections: {}, script: () => fault })
    expect(await ask(relayLister(relay.url))).toMatchObject({
      collections: [],
      sources: [{ found: 0 }],
      errors: [],
    })
  })

  it.each([
    { status: 500 },
    { status: 429 },
    { status: 425 },
    { status: 403, headers: { 'retry-after': '0' } },
  ])('one that answers with $status and may pass may have one, so that is told', async (fault) => {
    const { status } = fault
    await using relay = await startRelay({ collections: {}, script: () => fault })
    expect((await ask(relayLister(relay.url))).errors).toMatchObject([{ error: { status } }])
  })

  it('one that breaks off in its middle is told', async () => {
    const broken: CollectionSource = {
      name: 'broken',
      async *collections() {
        yield { nsid: 'com.example.a' }
        for await (const _ of collectionDirectory(relay.url).collections());
      },
    }
    await using relay = await startRelay({ collections: {} })
    const lister = { ...relayLister(relay.url), directory: broken }
    expect(await ask(lister)).toMatchObject({
      collections: [{ nsid: 'com.example.a' }],
      errors: [{ source: 'broken', error: { status: 404 } }],
    })
  })

  it('has ten seconds', () => {
    const [, asked] = sourcesOf(collectionChoice(), own)
    expect(asked).toMatchObject({ source: { name: directory.name }, timeoutMs: 10_000 })
  })

  it('is none of a lister of one’s own that does not name one', async () => {
    expect((await ask({ relay: 'own', listRepos: async () => ({ dids: [] }) })).sources).toEqual([])
  })
})

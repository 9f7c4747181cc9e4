import { describe, expect, it } from 'vitest'
import { CursorsChangedError, RelayError, type RepoPage } from '../../src/index.ts'
import { anchorOf, checkAnchor } from '../../src/paging/anchor.ts'
import { scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const place = { relay: 'relay.test', collection: A }

/** A server: what it answers to a cursor, or without one. */
type Serve = (cursor?: string) => RepoPage

/** DIDs by number, in an order that is that of their letters too. */
const dids = (from: number, to: number, step = 1) =>
  Array.from(
    { length: Math.ceil((to - from) / step) },
    (_, i) => `did:web:n${10_000 + from + i * step}.example`,
  )

/** In the order of their letters; a cursor is the last DID, as lightrail has it. A full page has one. */
const byDid =
  (list: readonly string[], size: number): Serve =>
  (cursor = '') => {
    const page = list
      .toSorted()
      .filter((did) => did > cursor)
      .slice(0, size)
    return page.length === size ? { dids: page, cursor: page.at(-1) } : { dids: page }
  }

/**
 * In the order in which they were seen, with cursors that name their database, as collectiondir's do: those of another
 * database lead to wherever `stray` says.
 */
const bySight =
  (list: readonly string[], size: number, base = 'one', stray: RepoPage = { dids: [] }): Serve =>
  (cursor = `${base} 0`) => {
    const [name, from] = cursor.split(' ')
    if (name !== base) return stray
    const end = Number(from) + size
    const page = list.slice(Number(from), end)
    return page.length === size ? { dids: page, cursor: `${base} ${end}` } : { dids: page }
  }

/** With the number of a page as its cursor. */
const byNumber =
  (list: readonly string[], size: number): Serve =>
  (cursor = '0') => {
    const page = list.slice(Number(cursor) * size, (Number(cursor) + 1) * size)
    return page.length === size ? { dids: page, cursor: String(Number(cursor) + 1) } : { dids: page }
  }

/** With an empty page, that has a cursor, before the list. */
const behindEmptyPage =
  (serve: Serve, cursor: string): Serve =>
  (at) =>
    at === undefined ? { dids: [], cursor } : serve(at.startsWith('begin') ? undefined : at)

let tokens = 0
/** With another cursor in each answer, all of which hold. */
const withTokens =
  (serve: Serve): Serve =>
  (at) => {
    const { cursor, ...page } = serve(at?.split('#')[0])
    return cursor === undefined ? page : { ...page, cursor: `${cursor}#${tokens++}` }
  }

const later = dids(0, 400).toReversed()
const unchanged: [what: string, before: Serve, now: Serve, requests: number][] = [
  ['has not changed', bySight(dids(0, 400), 100), bySight(dids(0, 400), 100), 1],
  ['has grown at its end', bySight(dids(0, 250), 100), bySight(dids(0, 400), 100), 1],
  ['has grown at its beginning', byDid(dids(7, 400), 100), byDid(dids(0, 400), 100), 3],
  ['has doubled', byDid(dids(0, 800, 2), 100), byDid(dids(0, 800), 100), 4],
  ['has lost every other repo', byDid(dids(0, 800), 100), byDid(dids(0, 800, 2), 100), 2],
  [
    'has lost the last repo of its first page',
    byDid(dids(0, 400), 100),
    byDid([...dids(0, 99), ...dids(100, 400)], 100),
    3,
  ],
  [
    'has lost all of its first page but one at the end',
    byDid(dids(0, 400), 100),
    byDid([...dids(92, 93), ...dids(100, 400)], 100),
    2,
  ],
  ['is asked for in smaller pages', bySight(dids(0, 400), 100), bySight(dids(0, 400), 30), 7],
  ['is asked for in larger pages', bySight(dids(0, 400), 30), bySight(dids(0, 400), 150), 2],
  ['is asked for in one page', bySight(dids(0, 80), 30), bySight(dids(0, 80), 100), 2],
  ['has shrunk to what was its first page', byDid(dids(0, 120), 100), byDid(dids(0, 97), 100), 2],
  ['has shrunk to one page', byDid(dids(0, 120), 50), byDid(dids(20, 60), 50), 2],
  [
    'begins with an empty page',
    behindEmptyPage(bySight(dids(0, 400), 100), 'begin'),
    behindEmptyPage(bySight(dids(0, 400), 100), 'begin'),
    1,
  ],
  [
    'begins with an empty page and another cursor',
    behindEmptyPage(bySight(dids(0, 400), 100), 'begin 1'),
    behindEmptyPage(bySight(dids(0, 400), 100), 'begin 2'),
    3,
  ],
  [
    'has another cursor in each answer',
    withTokens(byDid(dids(0, 400), 100)),
    withTokens(byDid(dids(0, 400), 100)),
    3,
  ],
  ['has page numbers and has grown at its end', byNumber(dids(0, 250), 100), byNumber(dids(0, 400), 100), 1],
]

const changed: [what: string, before: Serve, now: Serve][] = [
  ['gives an early end', bySight(dids(0, 400), 100), bySight(dids(0, 400), 100, 'two')],
  ['gives an early end, and lists in another order', bySight(dids(0, 400), 100), bySight(later, 100, 'two')],
  [
    'gives other DIDs',
    bySight(dids(0, 400), 100),
    bySight(dids(0, 400), 100, 'two', { dids: dids(500, 600), cursor: 'two 0' }),
  ],
  [
    'gives the same list from its beginning',
    bySight(dids(0, 400), 100),
    bySight(dids(0, 400), 100, 'two', { dids: dids(0, 100), cursor: 'two 100' }),
  ],
  [
    'gives a collection with a quarter of the same DIDs',
    bySight(dids(0, 400), 100),
    bySight(dids(0, 400), 100, 'two', { dids: dids(100, 400, 4) }),
  ],
  [
    'leads roughly to the same place',
    bySight(dids(0, 400), 100),
    bySight(dids(0, 400), 100, 'two', { dids: dids(110, 210), cursor: 'two 210' }),
  ],
  [
    'gives an early end, and the list ends with the last of its first page, in another order',
    bySight(dids(0, 40), 10),
    bySight([...dids(10, 40), ...dids(0, 10).toReversed()], 10, 'two'),
  ],
  [
    'gives an early end, and the list ends with its first page',
    bySight(dids(0, 40), 10),
    bySight([...dids(10, 40), ...dids(0, 10)], 10, 'two'),
  ],
  [
    'gives an early end, and the list is one page by now, in another order but for its end',
    bySight(dids(0, 40), 10),
    bySight([...dids(20, 22), ...dids(2, 9).toReversed(), ...dids(9, 10)], 11, 'two'),
  ],
  [
    'leads to itself',
    bySight(dids(0, 400), 100),
    bySight(dids(0, 400), 100, 'two', { dids: [], cursor: 'one 100' }),
  ],
  ['is a page number, and the list is another one', byNumber(dids(0, 400), 100), byNumber(later, 100)],
  ['is of a list that is gone', bySight(dids(0, 400), 100), bySight([], 100, 'two')],
  [
    'is of a list that is one page of others',
    bySight(dids(0, 400), 100),
    bySight(dids(500, 550), 100, 'two'),
  ],
  // One page is walked again then, and what the list has lost is surplus indeed.
  ['is of a list that lost more than it shows', byDid(dids(0, 120), 100), byDid(dids(0, 90), 100)],
  [
    'follows an empty page, and gives an early end',
    behindEmptyPage(bySight(dids(0, 400), 100), 'one 0'),
    behindEmptyPage(bySight(dids(0, 400), 100, 'two'), 'two 0'),
  ],
]

function asking(serve: (cursor?: string) => RepoPage | Promise<RepoPage>) {
  const lister = scriptedLister({ [A]: ({ cursor }) => serve(cursor) })
  const retry = { retries: 2, minDelayMs: 0, maxDelayMs: 0 }
  return { lister, retry, signal: new AbortController().signal, emit: () => {} }
}

describe('the anchor of a walk holds where the list', () => {
  it.each(unchanged)('%s', async (_, before, now, requests) => {
    const parts = asking(now)
    const kept = await checkAnchor(place, anchorOf(before()), parts)
    expect(parts.lister.requests).toHaveLength(requests)
    expect(parts.lister.requests[0]).toEqual({ collection: A, cursor: undefined })
    // What is kept from now on holds at once.
    const again = asking(now)
    await checkAnchor(place, kept, again)
    expect(again.lister.requests.length).toBeLessThanOrEqual(requests)
  })
})

describe('the cursors have changed their meaning where the anchor', () => {
  it.each(changed)('%s', async (_, before, now) => {
    const parts = asking(now)
    const error = await checkAnchor(place, anchorOf(before()), parts).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CursorsChangedError)
    expect(error).toMatchObject({ code: 'CURSORS_CHANGED', ...place })
    expect(parts.lister.requests.length).toBeLessThanOrEqual(8)
  })
})

describe('an anchor', () => {
  it('is what a first page with a cursor gives, and nothing that another page does', () => {
    const [first, ...rest] = [dids(0, 100), dids(100, 200)]
    expect(anchorOf({ dids: first, cursor: 'c' })).toEqual({
      cursor: 'c',
      lastDids: first.slice(-8),
      repos: 100,
    })
    expect(anchorOf({ dids: rest.flat() })).toBeUndefined()
  })

  it('is given by the first page to a walk that has none', async () => {
    const serve = bySight(dids(0, 400), 100)
    const parts = asking(serve)
    expect(await checkAnchor(place, undefined, parts)).toEqual(anchorOf(serve()))
    expect(parts.lister.requests).toHaveLength(1)
    expect(await checkAnchor(place, undefined, asking(bySight(dids(0, 4), 100)))).toBeUndefined()
  })

  const refusal = (cursor?: string) =>
    new RelayError('RELAY_STATUS', 'words', { ...place, status: 500, cursor, retryable: true })

  it.each([undefined, 'one 100'])('never holds where a request fails (cursor %s)', async (failing) => {
    const list = bySight(dids(0, 400), 90)
    const parts = asking((cursor) => (cursor === failing ? Promise.reject(refusal(cursor)) : list(cursor)))
    const failure = checkAnchor(place, anchorOf(bySight(dids(0, 400), 100)()), parts)
    await expect(failure).rejects.toMatchObject({ status: 500, cursor: failing })
    const asked = parts.lister.requests.filter(({ cursor }) => cursor === failing)
    expect(asked).toHaveLength(3)
  })
})

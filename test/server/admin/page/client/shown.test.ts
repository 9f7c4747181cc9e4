import { describe, expect, it } from 'vitest'
import {
  curveOf,
  describeCurve,
  pointsOf,
  thinned,
  wordsFor,
} from '../../../../../src/server/admin/page/client/curve.ts'
import { pauseBefore } from '../../../../../src/server/admin/page/client/follow.ts'
import { setAsideText, waitingText } from '../../../../../src/server/admin/page/client/notices.ts'
import { stateOf } from '../../../../../src/server/admin/page/client/overview.ts'
import { rateText, roughly, timeText } from '../../../../../src/server/admin/page/client/page-format.ts'
import { detailOf, nameParts } from '../../../../../src/server/admin/page/client/row-view.ts'
import { progressOf, type Selection, select } from '../../../../../src/server/admin/page/client/selection.ts'
import {
  DEFAULT_SELECTION,
  queryOf,
  selectionFrom,
} from '../../../../../src/server/admin/page/client/selection-url.ts'
import type { AdminRow, AdminWaiting } from '../../../../../src/server/admin/wire-types.ts'
import { adminRow, adminStatus } from '../../../../support/scripted-admin.ts'

describe('numbers', () => {
  it.each([
    [roughly(42_400), '42s'],
    [roughly(629_000), '10m'],
    [roughly(5_400_000), '1.5h'],
    [roughly(3 * 86_400_000), '3d'],
    [rateText(null), '–'],
    [rateText(2.345), '2.3'],
  ])('%s', (shown, expected) => {
    expect(shown).toBe(expected)
  })

  it('of a collection are a part of it where its size is known', () => {
    const rows = [adminRow('a.b.c', { imported: 120, estimated_repos: 100, state: 'running' })]
    // More than was told: nothing tells how much is left.
    expect(rows.map(progressOf)).toEqual([undefined])
    expect(progressOf(adminRow('a.b.c', { state: 'complete', imported: 0 }))).toBe(1)
    expect(progressOf(adminRow('a.b.c', { estimated_repos: 100 }))).toBe(0)
  })
})

describe('rows', () => {
  const rows = [
    adminRow('app.bsky.feed.like', { state: 'running', imported: 50, estimated_repos: 100 }),
    adminRow('app.bsky.feed.post', { state: 'pending', estimated_repos: 900 }),
    adminRow('app.bsky.graph.list', { state: 'failed', imported: 10 }),
    adminRow('com.example.done', { state: 'complete', imported: 70, estimated_repos: 70 }),
    adminRow('com.example.more', { state: 'pending', estimated_repos: 1_000 }),
  ]
  const selection = DEFAULT_SELECTION

  it('that are flagged stand behind those that failed, also where they are complete', () => {
    const flagged = adminRow('com.example.flagged', { state: 'complete', flags: ['cursorsChanged'] })
    const shown = select([...rows, flagged], selection).map(({ collection }) => collection)
    expect(shown.slice(0, 3)).toEqual(['app.bsky.feed.like', 'app.bsky.graph.list', 'com.example.flagged'])
  })
  const names = (change: Partial<Selection>) =>
    select(rows, { ...selection, ...change }).map(({ collection }) => collection.split('.').at(-1))

  it.each<[string, Partial<Selection>, string[]]>([
    [
      'what is at work first, then what failed, what is left by its size, and what is done',
      {},
      ['like', 'list', 'more', 'post', 'done'],
    ],
    ['by name, backwards', { by: 'collection', descending: true }, ['more', 'done', 'list', 'post', 'like']],
    ['by what was imported', { by: 'imported', descending: true }, ['done', 'like', 'list', 'more', 'post']],
    ['by what is expected', { by: 'expected', descending: true }, ['more', 'post', 'like', 'done', 'list']],
    ['of one state', { state: 'pending' }, ['more', 'post']],
    ['with these letters in the name, in any case', { search: ' BSKY.feed ' }, ['like', 'post']],
    ['of one state and with these letters', { state: 'failed', search: 'feed' }, []],
  ])('stand %s', (_, change, expected) => {
    expect(names(change)).toEqual(expected)
  })

  it.each([
    ['12 pages, 3 invalid', adminRow('a.b.c', { state: 'running', pages: 12, invalid: 3 })],
    ['not begun', adminRow('a.b.c')],
    ['goes on after 4 pages', adminRow('a.b.c', { pages: 4 })],
    ['answered 500', adminRow('a.b.c', { state: 'failed', last_error: 'answered 500' })],
    [
      `the relay's cursors changed their meaning; what was imported before may be surplus: verify finds it, since ${timeText(AT)}`,
      adminRow('a.b.c', { state: 'complete', completed_at: AT, flags: ['cursorsChanged'] }),
    ],
    [
      `1 page, held by other-host/7 until ${timeText(UNTIL)}`,
      adminRow('a.b.c', { state: 'running', pages: 1, owner: 'other-host/7', lease_ends_at: UNTIL }),
    ],
    ['again soon: answered 500', adminRow('a.b.c', { last_error: 'answered 500' })],
  ])('say %s', (expected, row) => {
    expect(detailOf(row)).toBe(expected)
  })

  it('name a collection by its authority and its name', () => {
    expect(nameParts('app.bsky.feed.like')).toEqual(['app.bsky.', 'feed.like'])
    expect(nameParts('junk')).toEqual(['', 'junk'])
    expect(nameParts('a.b')).toEqual(['', 'a.b'])
  })
})

describe('the URL', () => {
  it.each<[string, Partial<Selection>]>([
    ['', {}],
    ['?state=failed', { state: 'failed' }],
    ['?search=feed+%26+%25', { search: 'feed & %' }],
    ['?sort=-imported&page=3', { by: 'imported', descending: true, page: 3 }],
    ['?sort=-state', { descending: true }],
  ])('%j says which rows are shown', (query, change) => {
    const selection = { ...DEFAULT_SELECTION, ...change }
    expect(queryOf(selection)).toBe(query)
    expect(selectionFrom(query)).toEqual(selection)
  })

  it.each(['?state=toString&sort=-__proto__&page=0', '?page=-1', '?page=1e9', '?state=&sort=-', '?source=x'])(
    '%j says nothing',
    (query) => {
      expect(selectionFrom(query)).toEqual(DEFAULT_SELECTION)
    },
  )
})

describe('the curve', () => {
  const points = [0, 30, 60, 40].map((value, i) => ({ at: i * 10_000, value }))

  it('goes from the left to the right, under a round number', () => {
    const curve = curveOf(points, 300, 100, wordsFor('live'))
    expect(curve.top).toBe(60)
    expect(curve.line).toBe('M0 100L100 50L200 0L300 33.3')
    expect(curve.area).toBe(`${curve.line}V100H0Z`)
    expect(curve.scale.map(({ label }) => label)).toEqual(['60', '30'])
    expect(curve.times.map(({ label }) => label)).toEqual(['30s ago', '15s ago'])
    expect(curve.nearest(190)).toMatchObject({ x: 200, y: 0, point: { value: 60 } })
  })

  it('is the mean of ten seconds where pages come in bursts, and each sample where those are longer', () => {
    const sample = (second: number, span_ms: number, pairs_per_second: number) => ({
      at: new Date(second * 1000).toISOString(),
      span_ms,
      pairs_per_second,
      requests_per_second: 0,
    })
    const bursts = Array.from({ length: 20 }, (_, second) =>
      sample(second, 1_000, second % 2 === 0 ? 100 : 0),
    )
    const values = pointsOf(bursts).map(({ value }) => value)
    expect(values.slice(0, 2)).toEqual([100, 50])
    expect(new Set(values.slice(9))).toEqual(new Set([50]))
    const long = [5, 0, 9].map((value, i) => sample(i * 16, 16_000, value))
    expect(pointsOf(long).map(({ value }) => value)).toEqual([5, 0, 9])
  })

  it('is told in a sentence', () => {
    expect(describeCurve(points, wordsFor('live'))).toBe(
      'DIDs per second over 30s: 40 now, 33 on average, at most 60, 10s ago.',
    )
    expect(describeCurve(points, wordsFor('ended'))).toBe(
      'DIDs per second over 30s: 40 at the end, 33 on average, at most 60, 10s earlier.',
    )
    expect(describeCurve([], wordsFor('live'))).toMatch(/no curve/)
  })

  it('is nothing yet with fewer than two points, and a table of some of them', () => {
    expect(curveOf([], 300, 100, wordsFor('live')).line).toBe('')
    expect(curveOf(points.slice(0, 1), 300, 100, wordsFor('live')).line).toBe('')
    expect(thinned(points, 2)).toEqual([points[0], points[3]])
  })
})

const AT = new Date(2026, 7, 1, 10).toISOString()
const UNTIL = new Date(2026, 7, 1, 10, 1, 5).toISOString()
const WAITING = {
  since: null,
  until: UNTIL,
  message: null,
  holders: [] as string[],
  collections: [] as string[],
}

describe('what a run waits for', () => {
  const shownTime = timeText(UNTIL)
  it.each<[AdminWaiting, string]>([
    [
      { ...WAITING, reason: 'relay', message: 'answered 429' },
      `The relay asked for a pause until ${shownTime}, another 1m 5s: answered 429`,
    ],
    [
      { ...WAITING, reason: 'database', since: AT, message: 'refused' },
      `The database cannot be used since ${timeText(AT)}; the run waits for it: refused`,
    ],
    [
      { ...WAITING, reason: 'claims', collections: ['a.b.c', 'a.b.d'], holders: ['process 7 on here'] },
      `Held by process 7 on here: 2 collections until ${shownTime}, another 1m 5s; unless renewed, this run takes over then.`,
    ],
    [
      { ...WAITING, reason: 'claims', until: null, collections: ['a.b.c'] },
      'Held by other workers: a.b.c; this run takes over when the claims end.',
    ],
  ])('%j', (waiting, text) => {
    expect(waitingText(waiting, AT)).toBe(text)
  })

  it('is told of what is set aside: one with its reason, several with the first time', () => {
    const rows = [
      adminRow('a.b.late', { not_before: new Date(2026, 7, 1, 11).toISOString() }),
      adminRow('a.b.soon', { not_before: UNTIL, last_error: 'answered 500' }),
      adminRow('a.b.c'),
    ]
    const told = (shown: readonly AdminRow[]) =>
      setAsideText({
        rows: new Map(shown.map((row) => [row.collection, row])),
        totals: adminStatus(shown, { at: AT }),
      })
    expect(told(rows)).toBe(`2 collections wait to be tried again, the first at ${shownTime}, in 1m 5s.`)
    expect(told(rows.slice(1))).toBe(`a.b.soon is tried again at ${shownTime}, in 1m 5s: answered 500`)
    expect(told(rows.slice(2))).toBeNull()
  })
})

describe('what a run does', () => {
  it.each([
    ['Running', adminStatus([])],
    ['Paused by the relay', adminStatus([], { waiting: { ...WAITING, reason: 'relay' } })],
    ['Waiting for the database', adminStatus([], { waiting: { ...WAITING, reason: 'database' } })],
    ['Complete', adminStatus([], { running: false, outcome: 'complete' })],
    ['Incomplete', adminStatus([], { running: false, outcome: 'incomplete' })],
    ['Failed', adminStatus([], { running: false, outcome: 'failed' })],
    ['Stopped', adminStatus([], { running: false, outcome: 'stopped' })],
    ['Idle', adminStatus([], { running: false, started_at: null })],
  ])('is %s', (name, status) => {
    expect(stateOf(status).name).toBe(name)
  })
})

it('waits longer and longer before it connects again, and never much longer than half a minute', () => {
  const longest = [0, 1, 2, 3, 10].map((tries) => pauseBefore(tries, () => 1))
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 30_000])
  expect(pauseBefore(1, () => 0)).toBe(1_500)
})

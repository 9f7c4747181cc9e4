import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { plainLine, render, type View } from '../../examples/demo/display.ts'

const half: View = {
  collections: { done: 312, total: 1287 },
  pairs: { done: 620_331, total: 1_000_013 },
  fraction: 0.5,
  pairsPerSecond: 35_210.4,
  secondsLeft: 10.2,
  walks: [
    { collection: 'app.bsky.feed.like', imported: 112_468, size: 224_936, done: false },
    { collection: 'com.example.a.collection.with.a.very.long.name', imported: 3, size: 3, done: true },
  ],
  requests: 2014,
  retries: 0,
  failed: 0,
}

describe('at 80 columns', () => {
  test('shows the bar, the figures side by side, and a bar for each walk', () => {
    expect(render(half, { columns: 80, color: false })).toEqual([
      '  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━────────────────────────────────────  50%',
      '',
      '  collections         312 of 1,287        pairs/s        35,210',
      '  pairs           620,331 of 1,000,013    time left        11 s',
      '',
      '  app.bsky.feed.like                ━━━━━━━━━━━───────────   112,468 of 224,936',
      '  com.example.a.collection.with.a.… ━━━━━━━━━━━━━━━━━━━━━━               3 of 3',
      '',
      '  2,014 requests',
    ])
  })

  test('tells of retries, of collections that fail, and what went wrong last, cut to the width', () => {
    const notice = `app.bsky.feed.like: retry 2 in 1.5 s: ${'the relay answered 503 '.repeat(5)}`
    const lines = render({ ...half, retries: 1, failed: 2, notice }, { columns: 80, color: false })
    expect(lines.slice(8)).toEqual([
      '  2,014 requests, 1 retry, 2 collections failing',
      '  app.bsky.feed.like: retry 2 in 1.5 s: the relay answered 503 the relay answe…',
    ])
  })

  test('a walk of unknown size shows its count, and unknown totals are left out', () => {
    const walks = [{ collection: 'app.bsky.feed.like', imported: 14_000, done: false }]
    const unknown = { ...half, pairs: { done: 14_000 }, secondsLeft: undefined, walks }
    const lines = render(unknown, { columns: 80, color: false })
    expect(lines[3]).toBe('  pairs            14,000                 time left           –')
    expect(lines[5]).toBe('  app.bsky.feed.like                ──────────────────────               14,000')
  })
})

describe('at 40 columns', () => {
  test('stacks the figures and shows percentages', () => {
    expect(render(half, { columns: 40, color: false })).toEqual([
      '  ━━━━━━━━━━━━━━━━────────────────  50%',
      '',
      '  collections        312 of 1,287',
      '  pairs          620,331 of 1,000,013',
      '  pairs/s         35,210',
      '  time left         11 s',
      '',
      '  app.bsky.feed.like  ━━━━━━──────  50%',
      '  com.example.a.coll… ━━━━━━━━━━━━ 100%',
      '',
      '  2,014 requests',
    ])
  })
})

describe('at any width', () => {
  const busy: View = {
    ...half,
    pairs: { done: 61_000_000, total: 61_000_000 },
    pairsPerSecond: 1_234_567,
    secondsLeft: 86_399,
    walks: [{ collection: 'app.bsky.feed.like', imported: 13_000_000, size: 13_721_126, done: false }],
    retries: 12_345,
    failed: 1287,
    notice: 'x'.repeat(500),
  }

  test.each([40, 60, 67, 68, 80, 100, 200])('no line reaches the last of %i columns', (columns) => {
    for (const view of [half, busy, { ...half, collections: { done: 0, total: 0 } }]) {
      const widest = Math.max(...render(view, { columns, color: false }).map((line) => line.length))
      expect(widest).toBeLessThan(columns)
    }
  })

  test.each([40, 80])('at %i columns colors add nothing but color', (columns) => {
    const colored = render(busy, { columns, color: true })
    expect(colored.join('\n')).toContain('\u001b[')
    expect(colored.map(stripVTControlCharacters)).toEqual(render(busy, { columns, color: false }))
  })

  test('growing numbers leave every line where it is', () => {
    const start: View = {
      ...half,
      pairs: { done: 7, total: 1_000_013 },
      collections: { done: 0, total: 1287 },
    }
    const at = (view: View) =>
      render(view, { columns: 80, color: false }).map((line) => line.search(/pairs\/s|time left/))
    expect(at(start)).toEqual(at(half))
  })
})

describe('where output is no terminal', () => {
  test('one line holds all of it', () => {
    expect(plainLine({ ...half, retries: 3, failed: 1, notice: 'lexicon.garden: gone' }, 17_999)).toBe(
      '17 s · 312 of 1,287 collections · 620,331 of 1,000,013 pairs · 35,210 pairs/s · 11 s left · 3 retries · 1 failing · lexicon.garden: gone',
    )
  })

  test('before the collections are known, it says what it waits for', () => {
    expect(
      plainLine(
        { ...half, collections: { done: 0, total: 0 }, pairsPerSecond: undefined, secondsLeft: undefined },
        500,
      ),
    ).toBe('0 s · asking which collections there are')
  })
})

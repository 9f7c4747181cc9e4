import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { runDisplay, runLine } from '../../../src/cli/output/run-display.ts'
import { widthOf } from '../../../src/cli/output/terminal-text.ts'
import type { MonitorSnapshot, Waiting } from '../../../src/index.ts'

const NOW = 1_700_000_000_000

const half: MonitorSnapshot = {
  at: NOW,
  startedAt: NOW - 17_999,
  collections: { total: 1287, complete: 312, running: 2, pending: 973, retrying: 0, failed: 0 },
  imported: 620_331,
  work: { requestsDone: 500, requestsLeft: 500, fraction: 0.5, expected: 1_000_013, sizes: 'known' },
  timeLeft: { ms: 10_200, atLeast: false },
  setAside: [],
  added: 620_331,
  invalid: 0,
  importedPerSecond: 35_210.4,
  requestsPerSecond: 25.2,
  requests: 2014,
  failedRequests: 0,
  retries: 0,
  pauses: 0,
  walks: [
    { collection: 'app.bsky.feed.like', imported: 112_468, estimatedRepos: 224_936, done: false },
    {
      collection: 'com.example.a.collection.with.a.very.long.name',
      imported: 3,
      estimatedRepos: 3,
      done: true,
    },
  ],
  failures: [],
  failureCount: 0,
}

const at = (columns: number, snapshot: MonitorSnapshot = half, color = false) =>
  runDisplay(snapshot, { columns, rows: 24, color })

const troubled: MonitorSnapshot = {
  ...half,
  retries: 1,
  pauses: 2,
  collections: { ...half.collections, retrying: 2, failed: 3 },
  lastRetry: {
    at: NOW - 1_000,
    subject: 'app.bsky.feed.like',
    attempt: 2,
    waitMs: 1_500,
    message: 'the relay answered 503 '.repeat(5),
  },
}

describe('at 80 columns', () => {
  test('the whole is two lines, and each walk has a bar', () => {
    expect(at(80)).toEqual([
      '',
      '  ━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────────────   50%              11s left',
      '  312 of 1,287 collections    620,331 imported  35,210/s  25 requests/s',
      '',
      '  app.bsky.feed.like                ━━━━━━━━━━╸──────────    112,468 of 224,936',
      '  com.example.a.collection.with.a.… ━━━━━━━━━━━━━━━━━━━━━                     3',
      '',
      '  2,014 requests',
    ])
  })

  test('tells of retries, pauses and failures, and what went wrong last, cut to the width', () => {
    expect(at(80, troubled).slice(6)).toEqual([
      '',
      '  2,014 requests, 1 retry, 2 pauses, 2 to be retried, 3 failed',
      '  app.bsky.feed.like: retry 2 in 2s: the relay answered 503 the relay answered…',
    ])
  })

  test('what went wrong last is gone after a while', () => {
    expect(at(80, { ...troubled, at: NOW + 8_000 }).at(-1)).toContain('2,014 requests')
  })

  test('what the whole run waits for has one line, with its end', () => {
    const told = (waiting: Waiting) => at(80, { ...half, waiting }).at(-1)
    expect(told({ reason: 'relay', until: NOW + 12_000, message: 'answered 429: slow down' })).toBe(
      '  the relay asked for a pause, 12s: answered 429: slow down',
    )
    expect(told({ reason: 'database', since: NOW - 4_000, until: NOW + 3_000, message: 'refused' })).toBe(
      '  the database is unavailable for 4s, asked again in 3s: refused',
    )
    const collections = ['a', 'b'].map((name) => ({ collection: `com.example.${name}`, until: NOW + 5_000 }))
    expect(told({ reason: 'setAside', until: NOW + 5_000, collections })).toBe(
      '  waiting 5s: com.example.a and 1 more will be retried',
    )
    const claims = { reason: 'claims', collections: ['com.example.a'], holders: [] } as const
    expect(told(claims)).toBe('  waiting for another worker with 1 collection')
    expect(told({ ...claims, until: NOW + 60_000, holders: ['process 7 on web1'] })).toBe(
      '  waiting for process 7 on web1 with 1 collection, at most 1m',
    )
  })

  test('what is set aside has a line, and what has ended none once nothing takes its place', () => {
    const setAside = [
      { collection: 'com.example.busy', until: NOW + 45_000, message: 'com.example.busy: not now' },
    ]
    const last = { ...half, setAside, collections: { ...half.collections, pending: 1 } }
    expect(at(80, last).slice(4, 6)).toEqual([
      '  app.bsky.feed.like                ━━━━━━━━━━╸──────────    112,468 of 224,936',
      '  com.example.busy                  again in 45s: not now',
    ])
  })

  test('without sizes there is a bar without an end, and no percent', () => {
    const { fraction: _, expected: __, ...unsized } = half.work
    const [, line = ''] = at(80, { ...half, timeLeft: undefined, work: { ...unsized, sizes: 'unknown' } })
    expect(line).toMatch(/^ {2}┄+$/)
  })

  test('a time that is the least is told as that, and why', () => {
    const { fraction: _, expected: __, ...unsized } = half.work
    const work = { ...unsized, sizes: 'tooLow' } as const
    const lines = at(80, { ...half, work, timeLeft: { ms: 68_000, atLeast: true } })
    expect(lines[1]).toMatch(/┄ +at least 1m 8s left$/)
    expect(lines.at(-1)).toBe('  larger than was estimated: how much is left is not known')
  })

  test('a walk of unknown size, or of more than was expected, shows its count', () => {
    const walks = [
      { collection: 'app.bsky.feed.like', imported: 14_000, estimatedRepos: undefined, done: false },
      { collection: 'app.bsky.feed.post', imported: 14_000, estimatedRepos: 13_000, done: false },
    ]
    const lines = at(80, { ...half, walks })
    expect(lines.slice(4, 6)).toEqual([
      '  app.bsky.feed.like                ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄                14,000',
      '  app.bsky.feed.post                ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄                14,000',
    ])
  })

  test('what cannot be told is left out, and the rest stands where it stood', () => {
    const unknown = { ...half, timeLeft: undefined, importedPerSecond: undefined }
    const known = at(80).slice(1, 3)
    const lines = at(80, unknown).slice(1, 3)
    expect(lines.join('\n')).not.toMatch(/left|\d\/s/)
    expect(lines[0]?.indexOf('50%')).toBe(known[0]?.indexOf('50%'))
    expect(lines[1]?.indexOf('requests/s')).toBe(known[1]?.indexOf('requests/s'))
  })
})

test('the README shows a run as it looks', () => {
  const walks = [
    ['app.bsky.feed.like', 90_000, 224_936],
    ['app.bsky.feed.post', 92_000, 186_885],
    ['app.bsky.graph.follow', 90_000, 178_689],
    ['app.bsky.actor.profile', 92_000, 159_016],
    ['app.bsky.feed.repost', 88_000, 103_279],
    ['chat.bsky.actor.declaration', 28_000, 31_148],
  ] as const
  const shown: MonitorSnapshot = {
    ...half,
    collections: { ...half.collections, complete: 1 },
    imported: 524_262,
    work: { ...half.work, fraction: 0.149 },
    importedPerSecond: 196_000,
    timeLeft: { ms: 16_000, atLeast: false },
    requestsPerSecond: 107,
    requests: 286,
    walks: walks.map(([collection, imported, estimatedRepos]) => ({
      collection,
      imported,
      estimatedRepos,
      done: false,
    })),
  }
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const [, shownRun = ''] = /```text\nrelay {2}[^`]*?\n(\n[^`]*)\n```/.exec(readme) ?? []
  expect(shownRun.split('\n')).toEqual(at(80, shown))
})

describe('narrower', () => {
  test('at 60 columns the time left is among the figures', () => {
    expect(at(60)).toEqual([
      '',
      '  ━━━━━━━━━━━━━━━━━━━━━━━━━╸─────────────────────────   50%',
      '  312 of 1,287 collections  620,331 imported  35,210/s',
      '  25 requests/s  11s left',
      '',
      '  app.bsky.feed.like             ━━━━━━━━━╸─────────    50%',
      '  com.example.a.collection.with… ━━━━━━━━━━━━━━━━━━━   100%',
      '',
      '  2,014 requests',
    ])
  })

  test('at 40 columns the figures take three lines', () => {
    expect(at(40)).toEqual([
      '',
      '  ━━━━━━━━━━━━━━━╸───────────────   50%',
      '  312 of 1,287 collections',
      '  620,331 imported  35,210/s',
      '  25 requests/s  11s left',
      '',
      '  app.bsky.feed.like ━━━━━╸─────    50%',
      '  com.example.a.col… ━━━━━━━━━━━   100%',
      '',
      '  2,014 requests',
    ])
  })
})

describe('at any width', () => {
  const HOSTILE = '\u001b[2J\u001b]0;pwned\u0007com.example\r\n\u202Eevil\u0000\u009b31m'
  const busy: MonitorSnapshot = {
    ...troubled,
    imported: 61_000_000,
    work: { ...half.work, expected: 61_000_000 },
    importedPerSecond: 1_234_567,
    requestsPerSecond: 1_250,
    timeLeft: { ms: 86_399_000, atLeast: false },
    retries: 12_345,
    pauses: 1_234,
    walks: [
      { collection: 'app.bsky.feed.like', imported: 13_000_000, estimatedRepos: 13_721_126, done: false },
      { collection: HOSTILE.repeat(5), imported: 1, estimatedRepos: undefined, done: false },
      { collection: '漢字'.repeat(60), imported: 1, estimatedRepos: 2, done: false },
    ],
    lastRetry: {
      at: NOW,
      subject: HOSTILE,
      attempt: 1,
      waitMs: 1,
      message: `${HOSTILE} 漢字👩‍👩‍👧‍👦`.repeat(20),
    },
  }
  const nothing = { ...half, collections: { ...half.collections, total: 0, complete: 0 }, walks: [] }

  test.each([32, 40, 60, 67, 68, 80, 100, 200])('no line reaches the last of %i columns', (columns) => {
    for (const snapshot of [half, troubled, busy, nothing]) {
      expect(Math.max(...at(columns, snapshot).map(widthOf))).toBeLessThan(columns)
    }
  })

  test.each([40, 60, 80])('at %i columns no control character of a name or a message is left', (columns) => {
    for (const line of [...at(columns, busy), runLine(busy)]) {
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }
    expect(at(columns, busy).join('\n')).toContain('com.ex')
  })

  test.each([40, 80])('at %i columns colors add nothing but color', (columns) => {
    const colored = at(columns, busy, true)
    expect(colored.join('\n')).toContain('\u001b[')
    expect(colored.map(stripVTControlCharacters)).toEqual(at(columns, busy))
  })

  test('growing numbers leave every figure where it is', () => {
    const start: MonitorSnapshot = {
      ...half,
      imported: 7,
      collections: { ...half.collections, complete: 0 },
      importedPerSecond: 3,
    }
    const ends = (snapshot: MonitorSnapshot) => [
      at(80, snapshot)[1]?.indexOf(' left'),
      ...['25 requests/s'].map((what) => at(80, snapshot)[2]?.indexOf(what)),
    ]
    expect(ends(start)).toEqual(ends(half))
  })
})

test('no more walks are shown than a low terminal has lines for', () => {
  const walks = Array.from({ length: 50 }, (_, i) => ({
    collection: `com.example.n${i}`,
    imported: 0,
    estimatedRepos: 1,
    done: false,
  }))
  const lines = runDisplay({ ...troubled, walks }, { columns: 40, rows: 16, color: false })
  expect(lines.length).toBeLessThan(16)
  expect(lines).toContain('  and 45 more')
})

describe('where output is no terminal', () => {
  test('one line holds all of it', () => {
    expect(runLine(troubled)).toBe(
      '17s · 50% · 312 of 1,287 collections · 620,331 of 1,000,013 imported · 35,210 imported/s · 11s left · 25 requests/s · ' +
        '1 retry · 2 pauses · 2 to be retried · 3 failed · ' +
        `app.bsky.feed.like: retry 2 in 2s: ${'the relay answered 503 '.repeat(5).trim()}`,
    )
  })

  test('before the collections are known, it says what it waits for', () => {
    const nothing = { ...half, startedAt: NOW - 500, collections: { ...half.collections, total: 0 } }
    const line = runLine({
      ...nothing,
      importedPerSecond: undefined,
      requestsPerSecond: undefined,
      timeLeft: undefined,
    })
    expect(line).toBe('0s · checking the relay and asking which collections there are')
  })
})

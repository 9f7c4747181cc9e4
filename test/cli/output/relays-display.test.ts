import { describe, expect, test } from 'vitest'
import { relaysDisplay, relaysLine, type WatchedRelay } from '../../../src/cli/output/relays-display.ts'
import { runDisplay, runLine } from '../../../src/cli/output/run-display.ts'
import { widthOf } from '../../../src/cli/output/terminal-text.ts'
import type { MonitorSnapshot } from '../../../src/index.ts'

const snapshot: MonitorSnapshot = {
  at: 1_700_000_017_000,
  startedAt: 1_700_000_000_000,
  collections: { total: 1287, complete: 312, running: 4, pending: 971, retrying: 0, failed: 0 },
  imported: 620_331,
  work: { requestsDone: 500, requestsLeft: 500, fraction: 0.5, expected: 1_000_013, sizes: 'known' },
  timeLeft: { ms: 10_200, atLeast: false },
  setAside: [],
  added: 620_331,
  invalid: 0,
  importedPerSecond: 35_210,
  requestsPerSecond: 25,
  requests: 2014,
  failedRequests: 0,
  retries: 1,
  pauses: 0,
  walks: ['like', 'post', 'repost', 'threadgate'].map((name) => ({
    collection: `app.bsky.feed.${name}`,
    imported: 112_468,
    estimatedRepos: 224_936,
    done: false,
  })),
  failures: [],
  failureCount: 0,
}
const nothing = { ...snapshot, collections: { ...snapshot.collections, total: 0 }, walks: [] }

const relay = (source: string, shown: MonitorSnapshot = snapshot): WatchedRelay => ({
  relay: source,
  monitor: { snapshot: () => shown },
})
const [a, b, c] = [relay('a.example'), relay('b.example'), relay('c.example', nothing)]

describe('the display of a run', () => {
  test('over one relay is that of its walk', () => {
    const screen = { columns: 80, rows: 24, color: false }
    expect(relaysDisplay([a], screen)).toEqual(runDisplay(snapshot, screen))
    expect(relaysLine([a])).toBe(runLine(snapshot))
  })

  test('over several has the whole of each, and as many of its walks as there is room for', () => {
    expect(relaysDisplay([a, c], { columns: 80, rows: 16, color: false })).toEqual([
      '',
      '  a.example: 2,014 requests, 1 retry',
      '  ━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────────────   50%              11s left',
      '  312 of 1,287 collections    620,331 imported  35,210/s  25 requests/s',
      '  app.bsky.feed.like                ━━━━━━━━━━╸──────────    112,468 of 224,936',
      '  app.bsky.feed.post                ━━━━━━━━━━╸──────────    112,468 of 224,936',
      '',
      '  c.example',
      '  checking the relay and asking which collections there are',
    ])
  })

  test.each([32, 60, 80, 200])('no line reaches the last of %i columns', (columns) => {
    const hostile = relay('\u001b[2J漢字'.repeat(30))
    const lines = relaysDisplay([a, b, c, hostile], { columns, rows: 24, color: false })
    expect(Math.max(...lines.map(widthOf))).toBeLessThan(columns)
    expect(lines.join('')).not.toContain('\u001b')
  })

  test.each([2, 3, 5])('over %i relays fits into 24 lines', (relays) => {
    const lines = relaysDisplay(
      Array.from({ length: relays }, () => a),
      { columns: 80, rows: 24, color: false },
    )
    expect(lines.length).toBeLessThan(24)
  })
})

test('where output is no terminal, each relay has a line', () => {
  expect(relaysLine([a, b])).toBe(`a.example: ${runLine(snapshot)}\nb.example: ${runLine(snapshot)}`)
})

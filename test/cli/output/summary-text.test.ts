import { expect, test } from 'vitest'
import { summaryLines } from '../../../src/cli/output/summary-text.ts'
import { widthOf } from '../../../src/cli/output/terminal-text.ts'
import type { CollectionProgress } from '../../../src/index.ts'

const row = (collection: string, fields: Partial<CollectionProgress> = {}): CollectionProgress => ({
  relay: 'relay.example',
  collection,
  state: 'complete',
  pages: 1,
  imported: 10,
  invalid: 0,
  attempts: 0,
  flags: [],
  ...fields,
})
const rows = [
  ...Array.from({ length: 12 }, (_, i) =>
    row(`com.example.${'abcdefghijkl'[i]}`, { imported: 1_000_000 * i, pages: 500 * i }),
  ),
  row('com.example.flagged', { flags: ['cursorsChanged'] }),
  row('com.example.broken', { state: 'failed', lastError: 'no' }),
  row('com.example.waits', { state: 'pending', retryInMs: 5_000 }),
]
const run = {
  relay: 'relay.example',
  completed: 2,
  pages: 3,
  imported: 20,
  added: 20,
  invalid: 0,
  failedSources: [],
}

test('what failed, waits or is flagged comes first, with a mark, and the duration last', () => {
  const lines = summaryLines(rows, { ...run, durationMs: 5_000 }, { columns: 80, rows: 24, color: false })
  expect(lines.slice(1, 6)).toEqual([
    expect.stringMatching(/^ {2}✗ com\.example\.broken +10 +1$/),
    '    failed',
    expect.stringMatching(/^ {2}· com\.example\.waits +10 +1$/),
    '    not complete',
    expect.stringMatching(/^ {2}! com\.example\.flagged +10 +1$/),
  ])
  expect(lines.at(-1)).toBe('  this run: 2 collections · 20 imported · 5s · 4 imported/s')
})

test('what a run did stands in one line where the screen has room for it', () => {
  const whole = { ...run, completed: 1_287, imported: 1_000_013, added: 1_000_013, durationMs: 11_604 }
  const lines = summaryLines(rows, whole, { columns: 80, rows: 24, color: false })
  expect(lines.at(-1)).toBe('  this run: 1,287 collections · 1,000,013 imported · 12s · 86,178 imported/s')
  expect(Math.max(...lines.map(widthOf))).toBeLessThan(80)
})

test.each([32, 40, 60, 80])('at %i columns nothing touches and no line reaches the last', (columns) => {
  const long = row('com.example.a.collection.with.a.very.long.name.indeed', { imported: 61_000_000 })
  const lines = summaryLines([...rows, long], undefined, { columns, rows: 24, color: false })
  expect(Math.max(...lines.map(widthOf))).toBeLessThan(columns)
  for (const line of lines) expect(line).not.toMatch(/[a-z…]\d/)
})

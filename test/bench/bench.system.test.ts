import { expect, it } from 'vitest'
import { BENCHMARKS, type Benchmark } from './benchmarks.ts'
import { failureText, sectionText, withSection } from './results.ts'
import { runAll } from './run-all.ts'
import { atLeast, atMost, median } from './table.ts'

it.each([...BENCHMARKS])(
  '%s runs, finds its index whole and yields its rows',
  {
    timeout: 120_000,
  },
  async (name, benchmark) => {
    const section = await benchmark(true)
    expect(section.name).toBe(name)
    expect(section.problems).toEqual([])
    expect(section.goals.length).toBeGreaterThan(0)
    for (const { head, rows } of section.tables) {
      expect(rows.length).toBeGreaterThan(0)
      for (const row of rows) expect(row).toHaveLength(head.length)
    }
    expect(sectionText(section)).not.toContain('NaN')
  },
)

it('a run by name replaces its own section and no other', () => {
  const one = withSection('', 'database', '## database\n\nfirst\n')
  const both = withSection(one, 'network', '## network\n\nsecond\n')
  const again = withSection(both, 'database', '## database\n\nthird\n')
  expect(again).not.toContain('first')
  expect(again.match(/^## .*/gm)).toEqual(['## network', '## database'])
  expect(again).toContain('third')
  expect(again).toContain('second')
})

it('what is written by hand stays, behind the benchmarks', () => {
  const byHand = '## What did not pay\n\nfigures\n'
  const results = withSection(
    withSection('', 'What did not pay', byHand),
    'database',
    '## database\n\nfirst\n',
  )
  expect(results.match(/^## .*/gm)).toEqual(['## database', '## What did not pay'])
  expect(results).toContain('figures')
})

it('a benchmark that failed leaves no figures of an earlier run behind', () => {
  const before = withSection('', 'database', '## database\n\n12345 pairs/s\n')
  const after = withSection(before, 'database', failureText('database', new Error('disk full')))
  expect(after).toContain('IT FAILED: disk full')
  expect(after).not.toContain('12345')
})

it('one that fails, and one whose index is wrong, keep nobody from their turn, and are told', async () => {
  const section = (name: string, problems: string[]) => ({ name, setup: [], goals: [], tables: [], problems })
  const told = new Map<string, string>()
  const benchmarks = new Map<string, Benchmark>([
    ['broken', () => Promise.reject(new Error('disk full'))],
    ['wrong', async () => section('wrong', ['3 pairs are missing'])],
    ['right', async () => section('right', [])],
  ])
  const run = (names: readonly string[]) =>
    runAll({
      benchmarks: [...benchmarks].filter(([name]) => names.includes(name)),
      quick: true,
      report: async (name, text) => void told.set(name, text),
    })
  expect(await run(['broken', 'right'])).toBe(false)
  expect(await run(['wrong', 'right'])).toBe(false)
  expect(await run(['right'])).toBe(true)
  expect(told.get('broken')).toContain('IT FAILED: disk full')
  expect(told.get('wrong')).toContain('THE INDEX WAS WRONG: 3 pairs are missing')
  expect(told.get('right')).toContain('The index was as the relay served it.')
})

it('one that does not end is not measured beside: none comes after it', async () => {
  const told: string[] = []
  const benchmarks: [string, Benchmark][] = [
    ['endless', () => new Promise(() => {})],
    ['next', () => Promise.reject(new Error('it was run'))],
  ]
  const report = async (_: string, text: string) => void told.push(text)
  expect(await runAll({ benchmarks, quick: true, report, limitMs: 10 })).toBe(false)
  expect(told).toEqual([expect.stringContaining('IT FAILED: no end within')])
})

it('a benchmark that keeps no index does not say that it was right', () => {
  const section = { name: 'overhead', setup: [], goals: [], tables: [], allRight: 'No index is kept.' }
  expect(sectionText({ ...section, problems: [] })).toMatch(/^No index is kept\. /m)
  expect(sectionText({ ...section, problems: ['3 of 4 pairs'] })).toContain(
    'THE RUNS WERE WRONG: 3 of 4 pairs',
  )
})

it('a section shows its goals beside what was measured, and an index that was wrong', () => {
  const text = sectionText({
    name: 'network',
    setup: ['How.'],
    goals: [atLeast('speed', 11.96, 12, 1), atMost('loss', 0.05, 0.05)],
    tables: [{ head: ['a', 'b'], rows: [['1', '2']] }],
    problems: ['app.bsky.feed.like lacks 3'],
  })
  expect(text).toMatch(/\| speed +\| >= 12 +\| 12\.0 +\| not met \|/)
  expect(text).toMatch(/\| loss +\| <= 0\.05 +\| 0\.05 +\| met +\|/)
  expect(text).toContain('THE INDEX WAS WRONG: app.bsky.feed.like lacks 3')
})

it('the median is the middle, or the mean of the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(() => median([])).toThrow(RangeError)
})

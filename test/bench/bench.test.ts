import { expect, it } from 'vitest'
import { BENCHMARKS } from './benchmarks.ts'
import { sectionText, withSection } from './results.ts'
import { median } from './table.ts'

it.each([...BENCHMARKS])(
  '%s runs, finds its index whole and yields its rows',
  {
    timeout: 120_000,
  },
  async (name, benchmark) => {
    const section = await benchmark(true)
    expect(section.name).toBe(name)
    expect(section.problems).toEqual([])
    expect(section.rows.length).toBeGreaterThan(0)
    for (const row of section.rows) expect(row).toHaveLength(section.head.length)
    expect(sectionText(section)).not.toContain('NaN')
  },
)

it('a run by name replaces its own section and no other', () => {
  const one = withSection('', 'one', '## one\n\nfirst\n')
  const both = withSection(one, 'two', '## two\n\nsecond\n')
  const again = withSection(both, 'one', '## one\n\nthird\n')
  expect(again).not.toContain('first')
  expect(again.match(/^## .*/gm)).toEqual(['## one', '## two'])
  expect(again).toContain('third')
  expect(again).toContain('second')
})

it('the median is the middle, or the mean of the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(() => median([])).toThrow(RangeError)
})

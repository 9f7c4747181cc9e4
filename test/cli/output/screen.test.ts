import { expect, test } from 'vitest'
import { isTerminal, type Output, screenOf } from '../../../src/cli/output/screen.ts'

const output = (fields: Partial<Output>) => fields as Output

test('lines are redrawn on a terminal, and printed one below the other everywhere else', () => {
  const terminal = output({ isTTY: true, columns: 80, rows: 24 })
  expect(isTerminal(terminal, {})).toBe(true)
  expect(isTerminal(terminal, { CI: 'false' })).toBe(true)
  expect(isTerminal(terminal, { CI: 'true' })).toBe(false)
  expect(isTerminal(terminal, { TERM: 'dumb' })).toBe(false)
  expect(isTerminal(output({ isTTY: true, columns: 0, rows: 0 }), {})).toBe(false)
  expect(isTerminal(output({}), {})).toBe(false)
})

test('a terminal that does not tell its size has the usual one', () => {
  expect(screenOf(output({ columns: 0, rows: 0 }), {})).toEqual({ columns: 80, rows: 24, color: false })
})

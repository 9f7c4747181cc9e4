import { expect, it } from 'vitest'
import { preparedStatements } from '../src/prepared-statements.ts'

/** What the statement is called each time that it comes. */
function names(text: string, times: number, prepared = preparedStatements()): (string | undefined)[] {
  return Array.from({ length: times }, () => prepared.nameOf(text))
}

it('names a statement from the fifth time on, and always the same', () => {
  const [first, second, third, fourth, ...later] = names('select $1', 7)
  expect([first, second, third, fourth]).toEqual([undefined, undefined, undefined, undefined])
  expect(new Set(later).size).toBe(1)
  expect(later[0]).toMatch(/^backfill_[0-9a-f]{32}$/)
})

it('gives another pool the same name for the same text, and no other text that name', () => {
  expect(names('select $1', 5).at(-1)).toBe(names('select $1', 9).at(-1))
  expect(names('select $1', 5).at(-1)).not.toBe(names('select $2', 5).at(-1))
})

it('stays small with a program that never sends the same statement twice', () => {
  const prepared = preparedStatements()
  for (let value = 0; value < 10_000; value += 1) prepared.nameOf(`select ${value} where $1`)
  expect(names('select 1000 where $1', 10, prepared).every((name) => name === undefined)).toBe(true)
  expect(names('select 0 where $1', 10, prepared).at(-1)).toBeDefined()
})

it('names no statement that is a long list of rows', () => {
  const rows = Array.from({ length: 2_000 }, (_, row) => `($${row + 1})`).join(', ')
  expect(names(`insert into rows values ${rows}`, 10).every((name) => name === undefined)).toBe(true)
})

it('names nothing more once it was stopped', () => {
  const prepared = preparedStatements()
  expect(names('select $1', 5, prepared).at(-1)).toBeDefined()
  prepared.stop()
  expect(prepared.nameOf('select $1')).toBeUndefined()
})

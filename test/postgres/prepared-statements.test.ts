import { expect, it } from 'vitest'
import { type PreparedStatements, preparedStatements } from '../../src/postgres/prepared-statements.ts'

/** Sends a statement so often that it gets a name, and waits for that. */
async function nameOf(text: string, prepared: PreparedStatements = preparedStatements()): Promise<string> {
  for (let times = 1; times <= 5; times += 1) expect(prepared.nameOf(text)).toBeUndefined()
  await expect.poll(() => prepared.nameOf(text)).toBeDefined()
  return prepared.nameOf(text) ?? ''
}

/** Sends a statement so often that it would get a name, before another one gets its own. */
async function sentBefore(text: string, named: string, prepared: PreparedStatements): Promise<void> {
  for (let times = 1; times <= 5; times += 1) prepared.nameOf(text)
  for (let times = 1; times <= 5; times += 1) prepared.nameOf(named)
  await expect.poll(() => prepared.nameOf(named)).toBeDefined()
}

it('names a statement that came five times, and always the same', async () => {
  const prepared = preparedStatements()
  const name = await nameOf('select $1', prepared)
  expect(name).toMatch(/^backfill_[0-9a-f]{32}$/)
  expect(prepared.nameOf('select $1')).toBe(name)
})

it('names no statement that came less often', async () => {
  const prepared = preparedStatements()
  for (let times = 1; times <= 4; times += 1) prepared.nameOf('select $1')
  await nameOf('select $2', prepared)
  expect(prepared.nameOf('select $1')).toBeUndefined()
})

it('gives another pool the same name for the same text, and no other text that name', async () => {
  const name = await nameOf('select $1')
  expect(await nameOf('select $1')).toBe(name)
  expect(await nameOf('select $2')).not.toBe(name)
})

it('stays small with a program that never sends the same statement twice', async () => {
  const prepared = preparedStatements()
  for (let value = 0; value < 10_000; value += 1) prepared.nameOf(`select ${value} where $1`)
  await sentBefore('select 1000 where $1', 'select 0 where $1', prepared)
  expect(prepared.nameOf('select 1000 where $1')).toBeUndefined()
})

it('names no statement that is a long list of rows', async () => {
  const rows = Array.from({ length: 2_000 }, (_, row) => `($${row + 1})`).join(', ')
  const prepared = preparedStatements()
  await sentBefore(`insert into rows values ${rows}`, 'select $1', prepared)
  expect(prepared.nameOf(`insert into rows values ${rows}`)).toBeUndefined()
})

it('names nothing more once it was stopped', async () => {
  const prepared = preparedStatements()
  await nameOf('select $1', prepared)
  prepared.stop()
  expect(prepared.nameOf('select $1')).toBeUndefined()
})

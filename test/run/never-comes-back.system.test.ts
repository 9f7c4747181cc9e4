import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { AwayOptions } from '../support/away-child.ts'
import { createPostgres } from '../support/databases.ts'
import { type Ended, runProgram } from '../support/program.ts'

const A = 'com.example.a'
const B = 'com.example.b'

function runAway(options: AwayOptions): Promise<Ended> {
  const file = fileURLToPath(new URL('../support/away-child.ts', import.meta.url))
  return runProgram(file, { args: [JSON.stringify(options)] })
}

describe('a consumer that never comes back', () => {
  it.each([
    ['more workers than collections', { collections: [A], concurrency: 6 }],
    ['as many', { collections: [A, B], concurrency: 2 }],
    ['fewer', { collections: [A, B], concurrency: 1 }],
  ])('keeps no process alive, with %s', async (_, options) => {
    expect(await runAway(options)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^com\.example\.[ab]\n$/),
    })
  })

  it('keeps no process alive on Postgres either', async () => {
    await using postgres = await createPostgres()
    const options = { collections: [A], concurrency: 6, databaseUrl: postgres.url }
    expect(await runAway(options)).toMatchObject({ code: 0, stdout: `${A}\n` })
  })

  it('is not one that waits: the process goes on while others hold what is left', async () => {
    const options = { collections: [A, B], concurrency: 3, heldMs: 1_500 }
    expect(await runAway(options)).toMatchObject({ code: 0, stdout: '2\n' })
  })
})

import { describe, expect, test } from 'vitest'
import { kyselyProgressStore, migrateToLatest } from '../../../src/kysely/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines, runOn } from '../../support/cli.ts'
import { createPostgres, type TestPostgres } from '../../support/databases.ts'

const PROFILE = 'app.bsky.actor.profile'
const BROKEN = 'com.example.broken'

const stateOf = async ({ url }: TestPostgres) => {
  const [status] = jsonLines((await cli(['status', '--json', '--database', url])).stdout)
  const rows = (status?.collections ?? []) as { collection: string; state: string; pages: number }[]
  return Object.fromEntries(
    rows.map(({ collection, state, pages: page }) => [collection, `${state} ${page}`]),
  )
}

describe('retry', () => {
  test('has what was given up tried again, and the next run completes it', async () => {
    let broken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 5, [BROKEN]: 5 },
      script: ({ collection }) => (broken && collection === BROKEN ? { status: 403 } : undefined),
    })
    await using postgres = await createPostgres()
    const database = ['--database', postgres.url]
    const run = runOn(relay, postgres, '--collection', PROFILE, BROKEN)
    expect((await cli(run)).code).toBe(1)
    expect(await stateOf(postgres)).toEqual({ [PROFILE]: 'complete 1', [BROKEN]: 'failed 0' })

    // The only relay that the database knows is the one that is meant.
    const { code, stdout, stderr } = await cli(['retry', BROKEN, PROFILE, ...database])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^1 collection will be retried, by the run of http:\/\/127\.0\.0\.1:\d+ that is under way, or by its next one on this database\.$/m,
    )
    expect(stderr).toBe(`${PROFILE} has not failed: it is complete.\n`)
    expect(await stateOf(postgres)).toEqual({ [PROFILE]: 'complete 1', [BROKEN]: 'pending 0' })
    expect(await cli(['retry', ...database])).toMatchObject({
      code: 0,
      stdout: '0 collections will be retried.\n',
    })

    broken = false
    expect(await cli(run)).toMatchObject({ code: 0, stderr: '' })
  })
})

test('retry tells what waits, and ends the wait of what is named', async () => {
  await using postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  const progress = kyselyProgressStore(postgres.db)
  await progress.register('relay.example', [{ nsid: BROKEN }])
  // Other work than a backfill is no relay that could be meant.
  await progress.register('prune:relay.example', [{ nsid: 'accounts' }])
  const claim = await progress.claim({ relay: 'relay.example', owner: 'test', leaseMs: 600_000 })
  if (claim) await progress.release(claim, { kind: 'failed', error: 'busy', retryInMs: 7_200_000 })
  const retry = (...names: string[]) => cli(['retry', ...names, '--database', postgres.url])
  expect((await retry()).stdout).toMatch(
    new RegExp(
      `^0 collections will be retried\\.\n${BROKEN} is retried by itself in [12]h.*: name it to retry it now\\.\n$`,
    ),
  )
  const { stdout, stderr } = await retry(BROKEN)
  expect({ stdout, stderr }).toMatchObject({
    stdout: expect.stringMatching(/^1 collection will be/),
    stderr: '',
  })
})

describe('reset', () => {
  test('has the named collections begin again, and no others', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 5, [BROKEN]: 7 } })
    await using postgres = await createPostgres()
    const database = ['--database', postgres.url]
    await cli(runOn(relay, postgres, '--collection', PROFILE, BROKEN))
    const { code, stdout, stderr } = await cli(['reset', BROKEN, ...database])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^1 collection will be read again from the first page, by /)
    expect(await stateOf(postgres)).toEqual({ [PROFILE]: 'complete 1', [BROKEN]: 'pending 0' })
    const again = await cli(runOn(relay, postgres, '--source', 'observed'))
    expect(again.stdout).toContain('this run: 1 collection · 7 imported (0 new)')
  })

  test('leaves alone what is being walked, and says so', async () => {
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const progress = kyselyProgressStore(postgres.db)
    await progress.register('relay.example', [{ nsid: PROFILE, estimatedRepos: 5 }, { nsid: BROKEN }])
    const claim = await progress.claim({ relay: 'relay.example', owner: 'test', leaseMs: 600_000 })
    if (claim) await progress.advance(claim, { pages: 1, imported: 1, invalid: 0, cursor: 'c' })
    const { code, stdout, stderr } = await cli(['reset', PROFILE, BROKEN, '--database', postgres.url])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^1 collection will be read again from the first page/)
    expect(stderr).toBe(
      `Not reset, because a run is reading it: ${PROFILE}. Stop that run, or wait until it ends.\n`,
    )
    expect(await stateOf(postgres)).toEqual({ [PROFILE]: 'running 1', [BROKEN]: 'pending 0' })
  })

  test('what is meant must be clear: the relay among several, and names that are registered', async () => {
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const database = ['--database', postgres.url]
    expect(await cli(['retry', ...database])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'atproto-collection-backfill: Nothing is registered there yet: atproto-collection-backfill run --relay HOST begins.\n',
    })
    const progress = kyselyProgressStore(postgres.db)
    await progress.register('a.example', [{ nsid: PROFILE }])
    await progress.register('b.example', [{ nsid: PROFILE }])
    const refusals = [
      [[], 'Which relay? Give --relay with one of: a.example, b.example.'],
      [['--relay', 'c.example'], 'no progress of c.example. Known: a.example, b.example.'],
      [['--relay', 'a.example', BROKEN], `Not registered for a.example: ${BROKEN}.`],
    ] as const
    for (const [args, message] of refusals) {
      const { code, stderr } = await cli(['reset', PROFILE, ...args, ...database])
      expect(code).toBe(2)
      expect(stderr).toContain(message)
    }
    expect((await cli(['reset', PROFILE, '--relay', 'a.example', ...database])).code).toBe(0)
  })
})

test('cancel has a collection read no more, run says so, and only its name gets it back', async () => {
  await using relay = await startRelay({ collections: { [PROFILE]: 5, [BROKEN]: 5 } })
  await using postgres = await createPostgres()
  const database = ['--database', postgres.url]
  await migrateToLatest(postgres.db)
  await kyselyProgressStore(postgres.db).register(relay.url, [{ nsid: PROFILE }, { nsid: BROKEN }])
  expect(await cli(['cancel', BROKEN, ...database])).toEqual({
    code: 0,
    stdout: '1 collection is cancelled, until it is retried by name.\n',
    stderr: '',
  })
  expect((await cli(['cancel', BROKEN, ...database])).stderr).toBe(`${BROKEN} was cancelled before.\n`)
  const run = runOn(relay, postgres, '--collection', PROFILE)
  const { code, stderr } = await cli(run)
  expect(code).toBe(1)
  expect(stderr).toMatch(
    new RegExp(
      `^\\S+ 1 collection was cancelled, and not read: ${BROKEN}\\. To read one .* retry NSID\\.\n$`,
    ),
  )
  expect(relay.requestsOf(BROKEN)).toEqual([])
  expect((await cli(['retry', ...database])).stdout).toContain(
    `${BROKEN} was cancelled: name it to retry it.`,
  )
  await cli(['retry', BROKEN, ...database])
  expect(await cli(run)).toMatchObject({ code: 0, stderr: '' })
})

test('migrate makes the tables, and does nothing the second time', async () => {
  await using postgres = await createPostgres()
  for (let i = 0; i < 2; i += 1) {
    const { code, stdout } = await cli(['migrate', '--database', postgres.url])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^The tables in postgres:\/\/[^@]*\/test_\w+ are up to date\.\n$/)
  }
  expect(await kyselyProgressStore(postgres.db).list()).toEqual([])
})

import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines, startCli } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'
import { freePort } from '../../support/program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const PROFILE = 'app.bsky.actor.profile'
const BROKEN = 'com.example.broken'

describe('run', () => {
  test('imports what the garden lists, says so, and has nothing to do the next time', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, 'com.whtwnd.blog.entry': 3 } })
    await using postgres = await createPostgres()
    const args = [
      'run',
      '--relay',
      relay.url,
      '--source',
      `garden=${relay.gardenUrl}`,
      '--database',
      postgres.url,
    ]
    const first = await cli(args)
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain(`relay  ${relay.url}\n`)
    expect(first.stdout).toContain('2 collections known: 127.0.0.1')
    expect(first.stdout).toMatch(/2 collections +48 +2\n/)
    const pairs = await postgres.db.selectFrom('collection_index').selectAll().execute()
    expect(pairs).toHaveLength(48)

    const again = await cli(args)
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(again.stdout).toContain('resuming: 2 of 2 collections done, 48 pairs\n')
    expect(again.stdout).toContain('this run: 0 collections · 0 pairs')
  })

  test('keeps its index in a folder when no database is named, and walks the named collections only', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 45, 'com.whtwnd.blog.entry': 3, [BIG]: 9 },
    })
    await using folder = await temporaryFolder()
    const named = ['--collection', 'com.whtwnd.blog.entry', '--collection', `${PROFILE}`]
    const { code, stdout } = await cli(['run', '--relay', relay.url, ...named], { cwd: folder.path })
    expect(code).toBe(0)
    expect(stdout).toContain('index  ./collection-backfill-data (PGlite)\n')
    expect(stdout).toMatch(/2 collections +48 +2\n/)
    expect(relay.requestsOf(BIG)).toEqual([])
    const { stdout: status } = await cli(['status'], { cwd: folder.path })
    expect(status).toContain(`${relay.url}: 2 of 2 collections complete, 48 pairs\n`)
  })

  test('takes what is not written from the environment', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, [BIG]: 3 } })
    await using postgres = await createPostgres()
    const env = {
      RELAY: relay.url,
      DATABASE_URL: postgres.url,
      BACKFILL_COLLECTIONS: `${PROFILE}, ${BIG}`,
      BACKFILL_PAGE_SIZE: '10',
    }
    expect(await cli(['run', '--page-size', '20'], { env })).toMatchObject({ code: 0, stderr: '' })
    expect(relay.requestsOf(PROFILE).map(({ limit }) => limit)).toEqual([20, 20, 20, 20])
    expect(await postgres.db.selectFrom('collection_index').selectAll().execute()).toHaveLength(48)
  })

  test('a refresh walks again what was completed long enough ago', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    const args = ['run', '--relay', relay.url, '--collection', PROFILE, '--database', postgres.url]
    await cli(args)
    await sql`update backfill_progress set completed_at = now() - interval '8 days'`.execute(postgres.db)
    expect((await cli([...args, '--refresh', '9d'])).stdout).toContain('this run: 0 collections')
    const { code, stdout } = await cli([...args, '--refresh', '7d'])
    expect(code).toBe(0)
    expect(stdout).toContain('this run: 1 collection · 45 pairs (0 new)')
  })
})

describe('a collection that fails', () => {
  test("is told with the relay's own words, listed at the end, and the others are imported", async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 45, [BROKEN]: 5 },
      script: ({ collection }) =>
        collection === BROKEN
          ? { status: 403, body: { error: 'AccessDenied', message: 'Not \u001b[2Jfor you' } }
          : undefined,
    })
    await using postgres = await createPostgres()
    const target = ['--relay', relay.url, '--database', postgres.url]
    const { code, stdout, stderr } = await cli(['run', ...target, '--collection', `${PROFILE},${BROKEN}`])
    expect(code).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      `✗ ${BROKEN} ${new URL(relay.url).host} answered 403 for ${BROKEN}: AccessDenied: Not [2Jfor you.`,
    )
    expect(stdout).toMatch(/2 collections +45 +1\n/)
    expect(stderr).toMatch(
      /^collection-backfill: 1 collection is not complete; run again to try them again\.\n {2}com\.example\.broken: .*Not \[2Jfor you.*\n$/,
    )
    expect(stdout + stderr).not.toContain('\u001b')
  })
})

describe('Ctrl-C', () => {
  test('once: ends within a second, says how to go on, and the next run goes on there', async () => {
    await using parking = await startParkedRelay(3)
    const { relay } = parking
    await using postgres = await createPostgres()
    const args = [
      'run',
      '--relay',
      relay.url,
      '--database',
      postgres.url,
      '--page-size',
      '100',
      '--collection',
      BIG,
    ]
    await using program = startCli(args)
    await parking.parked
    const saved = sql<{ page_count: string }>`select page_count from backfill_progress`
    await expect.poll(async () => Number((await saved.execute(postgres.db)).rows[0]?.page_count)).toBe(3)
    const interruptedAt = performance.now()
    program.kill('SIGINT')
    const { code, stdout, stderr } = await program.ended
    // A second for the run to settle, and half of one to close the database and end the process on a busy machine.
    expect(performance.now() - interruptedAt).toBeLessThan(1_500)
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    expect(stdout).toContain('Stopped: 0 of 1 collections done, 300 pairs in the index.\n')
    expect(stdout).toMatch(/Run the same command again to go on from there\.\n$/)
    const { rows } = await sql`select owner from backfill_progress`.execute(postgres.db)
    expect(rows).toEqual([{ owner: null }])

    parking.letGo()
    const asked = relay.requests.length
    const second = await cli(args)
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).toContain('resuming: 0 of 1 collections done, 300 pairs\n')
    const offsets = relay.requests
      .slice(asked)
      .flatMap(({ collection, offset }) => (collection === BIG ? [offset] : []))
    expect(Math.min(...offsets.map(Number))).toBe(300)
  })

  /** Somebody holds the row that the run has to write, so that its end hangs. */
  async function withRowHeld(kill: (program: ReturnType<typeof startCli>) => Promise<void>) {
    await using parking = await startParkedRelay(1)
    await using postgres = await createPostgres()
    const { relay } = parking
    await using program = startCli([
      'run',
      '--relay',
      relay.url,
      '--database',
      postgres.url,
      '--page-size',
      '100',
      '--collection',
      BIG,
    ])
    await parking.parked
    const pages = sql<{ page_count: string }>`select page_count from backfill_progress`
    await expect.poll(async () => Number((await pages.execute(postgres.db)).rows[0]?.page_count)).toBe(1)
    return await postgres.db.transaction().execute(async (holder) => {
      await sql`select 1 from backfill_progress for update`.execute(holder)
      parking.letGo()
      const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      await expect.poll(async () => (await waiting.execute(postgres.db)).rows.length).toBeGreaterThan(0)
      await kill(program)
      const killedAt = performance.now()
      const ended = await program.ended
      return { ...ended, tookMs: performance.now() - killedAt }
    })
  }

  test('once, while the database hangs: ends all the same', async () => {
    const { code, tookMs } = await withRowHeld(async (program) => program.kill('SIGINT'))
    expect(code).toBe(130)
    expect(tookMs).toBeLessThan(3_500)
  })

  test('twice: ends at once, whatever it waits for', async () => {
    const { code, stdout, tookMs } = await withRowHeld(async (program) => {
      program.kill('SIGINT')
      await program.until(/Stopping/)
      program.kill('SIGINT')
    })
    expect(code).toBe(130)
    expect(stdout).not.toContain('Stopped:')
    expect(tookMs).toBeLessThan(500)
  })

  test('SIGTERM, as a service manager sends it, ends a run in the same way', async () => {
    await using parking = await startParkedRelay(1)
    await using postgres = await createPostgres()
    await using program = startCli([
      'run',
      '--relay',
      parking.relay.url,
      '--database',
      postgres.url,
      '--page-size',
      '100',
      '--collection',
      BIG,
    ])
    await parking.parked
    program.kill('SIGTERM')
    const { code, stdout } = await program.ended
    expect(code).toBe(143)
    expect(stdout).toContain('Stopped: ')
  })
})

describe('--json', () => {
  test('prints one object a line for the beginning, each hook, each page and the end', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    const args = [
      'run',
      '--relay',
      relay.url,
      '--database',
      postgres.url,
      '--collection',
      PROFILE,
      '--page-size',
      '20',
      '--json',
    ]
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const events = jsonLines(stdout)
    expect(events[0]).toMatchObject({ type: 'begin', source: relay.url })
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      outcome: 'complete',
      exitCode: 0,
      summary: { completed: 1, imported: 45, added: 45 },
    })
    const ofType = (type: string) => events.filter((event) => event.type === type)
    expect(ofType('discovered')).toMatchObject([{ collections: [{ nsid: PROFILE }] }])
    expect(ofType('collectionStarted')).toMatchObject([{ collection: PROFILE, page: 0 }])
    expect(ofType('requested').map(({ repos }) => repos)).toEqual([20, 20, 5])
    expect(ofType('committed').reduce((sum, { dids }) => sum + Number(dids), 0)).toBe(45)
    expect(ofType('page').map(({ repos, imported, completed }) => [repos, imported, completed])).toEqual([
      [20, 20, false],
      [20, 40, false],
      [5, 45, true],
    ])
    expect(ofType('collectionCompleted')).toMatchObject([{ collection: PROFILE, imported: 45 }])
    for (const { at } of events) expect(new Date(String(at)).toISOString()).toBe(at)
  })

  test('tells errors as objects with code and message, and the failures at the end', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 5, [BROKEN]: 5 },
      script: ({ collection, attempt }) => {
        if (collection === BROKEN) return { status: 403, body: { error: 'AccessDenied', message: 'no' } }
        return collection === PROFILE && attempt === 2
          ? { status: 429, headers: { 'retry-after': '1' } }
          : undefined
      },
    })
    await using postgres = await createPostgres()
    const args = [
      'run',
      '--relay',
      relay.url,
      '--database',
      postgres.url,
      '--collection',
      PROFILE,
      BROKEN,
      '--json',
    ]
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    const events = jsonLines(stdout)
    const ofType = (type: string) => events.filter((event) => event.type === type)
    expect(ofType('collectionFailed')).toMatchObject([
      {
        collection: BROKEN,
        error: {
          code: 'RELAY_STATUS',
          status: 403,
          error: 'AccessDenied',
          serverMessage: 'no',
          message: expect.stringContaining('403'),
        },
      },
    ])
    expect(ofType('retry')).toMatchObject([
      { collection: PROFILE, error: { code: 'RELAY_STATUS', status: 429 } },
    ])
    expect(ofType('paused')).toMatchObject([{ source: relay.url, error: { code: 'RELAY_STATUS' } }])
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      outcome: 'incomplete',
      exitCode: 1,
      failures: [{ collection: BROKEN }],
    })
  })

  test('ends with the error when there is no run at all, and says it on stderr too', async () => {
    const relay = `http://127.0.0.1:${await freePort()}`
    await using postgres = await createPostgres()
    const args = [
      'run',
      '--relay',
      relay,
      '--database',
      postgres.url,
      '--collection',
      BIG,
      '--retries',
      '0',
      '--json',
    ]
    const { code, stdout, stderr } = await cli(args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^collection-backfill: .*ECONNREFUSED.*\n$/)
    expect(jsonLines(stdout).at(-1)).toMatchObject({
      type: 'end',
      outcome: 'failed',
      error: { code: 'RELAY_UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') },
    })
  })

  test('tells an interruption', async () => {
    await using parking = await startParkedRelay(1)
    await using postgres = await createPostgres()
    await using program = startCli([
      'run',
      '--relay',
      parking.relay.url,
      '--database',
      postgres.url,
      '--page-size',
      '100',
      '--collection',
      BIG,
      '--json',
    ])
    await parking.parked
    program.kill('SIGINT')
    const { code, stdout } = await program.ended
    expect(code).toBe(130)
    expect(jsonLines(stdout).at(-1)).toMatchObject({ type: 'end', outcome: 'interrupted', exitCode: 130 })
  })
})

test('a reader that goes away, as head does, ends the run and frees its claims', async () => {
  await using parking = await startParkedRelay(1)
  await using postgres = await createPostgres()
  await using program = startCli([
    'run',
    '--relay',
    parking.relay.url,
    '--database',
    postgres.url,
    '--page-size',
    '100',
    '--collection',
    BIG,
    '--json',
  ])
  await parking.parked
  program.closeStdout()
  parking.letGo()
  const { code, stderr } = await program.ended
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' })
  const { rows } = await sql`select owner from backfill_progress where completed_at is null`.execute(
    postgres.db,
  )
  expect(rows).toEqual([{ owner: null }])
})

test('colors are those that the environment asks for', async () => {
  await using relay = await startRelay({ collections: { [PROFILE]: 5 } })
  await using postgres = await createPostgres()
  const args = ['run', '--relay', relay.url, '--database', postgres.url, '--collection', PROFILE]
  expect((await cli(args)).stdout).not.toContain('\u001b[')
  expect((await cli(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[')
  expect((await cli(args, { env: { FORCE_COLOR: '0' } })).stdout).not.toContain('\u001b[')
})

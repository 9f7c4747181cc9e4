import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { kyselyProgressStore, migrateToLatest } from '../../../src/kysely/index.ts'
import { cli, jsonLines, startCli } from '../../support/cli.ts'
import { createPostgres, type TestPostgres } from '../../support/databases.ts'

const SOURCE = 'relay.example'
const DONE = 'com.example.done'
const GIVEN_UP = 'com.example.failed'
const WALKED = 'com.example.walked'
const WAITING = 'com.example.waiting'

/** One collection in each state, and a row of other work, which is none. */
async function inEveryState(): Promise<TestPostgres & { progress: ReturnType<typeof kyselyProgressStore> }> {
  const postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  const progress = kyselyProgressStore(postgres.db)
  // Without an estimate, so claimed last; and first of all, for to register again would try again what was given up.
  await progress.register(SOURCE, [{ nsid: WAITING }])
  await progress.register('feed:relay.example', [{ nsid: 'feed' }])
  const claim = async (nsid: string) => {
    await progress.register(SOURCE, [{ nsid, estimatedRepos: 1_000 }])
    const claimed = await progress.claim({ relay: SOURCE, owner: 'test', leaseMs: 600_000 })
    if (claimed?.collection !== nsid) throw new Error(`claimed ${claimed?.collection}, not ${nsid}`)
    return claimed
  }
  await progress.advance(await claim(DONE), { pages: 1, imported: 40, invalid: 1, flags: ['cursorsChanged'] })
  await progress.advance(await claim(WALKED), { pages: 1, imported: 250, invalid: 0, cursor: 'c' })
  await progress.release(await claim(GIVEN_UP), { kind: 'failed', error: 'it \u001b[2Jsaid no' })
  return Object.assign(postgres, { progress })
}

describe('status', () => {
  test('tells the sums in a line and each collection in a row, what needs a look first', async () => {
    await using postgres = await inEveryState()
    const { code, stdout, stderr } = await cli(['status', '--database', postgres.url])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('\u001b')
    const [sums, head, ...rows] = stdout.trimEnd().split('\n')
    expect(sums).toBe(
      'relay.example: 20%, 1 of 4 collections complete, 1 running, 1 pending, 1 failed, 1 flagged, 290 of 2,040 imported, 1 invalid, 0 imported/s',
    )
    expect(head?.trim().split(/\s+/)).toEqual(['collection', 'imported', 'done', 'imported/s', 'state'])
    expect(rows.map((row) => row.trim().split(/\s+/).join(' '))).toEqual([
      `${GIVEN_UP} 0 0% failed`,
      'it �[2Jsaid no',
      `${DONE} 40 100% complete`,
      "the relay's cursors changed their meaning; what was imported before may be",
      'surplus: verify finds it',
      `${WALKED} 250 25% running`,
      `${WAITING} 0 pending`,
      'feed of relay.example: pending',
    ])
  })

  test('needs no more than to read tables that are migrated', async () => {
    await using postgres = await inEveryState()
    const reader = `reader_${randomUUID().replaceAll('-', '')}`
    await sql`create role ${sql.id(reader)} login password 'secret'`.execute(postgres.db)
    await sql`grant select on backfill_progress to ${sql.id(reader)}`.execute(postgres.db)
    const url = new URL(postgres.url)
    Object.assign(url, { username: reader, password: 'secret' })
    const { code, stdout, stderr } = await cli(['status', '--database', url.href])
    await sql`drop owned by ${sql.id(reader)}`.execute(postgres.db)
    await sql`drop role ${sql.id(reader)}`.execute(postgres.db)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('1 of 4 collections complete')
  })

  test('--state leaves the other rows out, and the sums as they are', async () => {
    await using postgres = await inEveryState()
    const { stdout } = await cli(['status', '--database', postgres.url, '--state', 'failed,pending'])
    expect(stdout).toContain('1 of 4 collections complete')
    expect(stdout).toContain(GIVEN_UP)
    expect(stdout).toContain(WAITING)
    expect(stdout).not.toContain(DONE)
  })

  test('shows no more than fits unless all are asked for', async () => {
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const names = Array.from({ length: 1_287 }, (_, i) => ({ nsid: `com.example.n${i}`, estimatedRepos: i }))
    await kyselyProgressStore(postgres.db).register(SOURCE, names)
    const { stdout } = await cli(['status', '--database', postgres.url])
    expect(stdout.split('\n').length).toBeLessThan(25)
    expect(stdout).toMatch(/and 1,2\d\d more: --all shows them\n$/)
    const { stdout: all } = await cli(['status', '--all', '--database', postgres.url])
    expect(all.trimEnd().split('\n')).toHaveLength(1_289)
  })

  test('--json prints an object for each relay, with every collection', async () => {
    await using postgres = await inEveryState()
    await postgres.progress.register('other.example', [{ nsid: DONE }])
    const { code, stdout } = await cli(['status', '--json', '--database', postgres.url])
    expect(code).toBe(0)
    const [other, ours, rest] = jsonLines(stdout)
    expect(rest).toMatchObject({ work: [{ kind: 'feed', about: 'relay.example', state: 'pending' }] })
    expect(other).toMatchObject({ relay: 'other.example', total: 1, pending: 1 })
    expect(ours).toMatchObject({
      relay: SOURCE,
      total: 4,
      complete: 1,
      running: 1,
      pending: 1,
      failed: 1,
      imported: 290,
      collections: expect.arrayContaining([
        expect.objectContaining({
          collection: GIVEN_UP,
          state: 'failed',
          attempts: 1,
          lastError: 'it \u001b[2Jsaid no',
        }),
      ]),
    })
    const { stdout: one } = await cli(['status', '--json', '--relay', SOURCE, '--database', postgres.url])
    expect(jsonLines(one).map(({ relay }) => relay)).toEqual([SOURCE])
    const misspelt = await cli(['status', '--relay', 'realy.example', '--database', postgres.url])
    expect(misspelt).toMatchObject({ code: 2, stdout: '' })
    expect(misspelt.stderr).toContain(`no progress of realy.example. Known: other.example, ${SOURCE}.`)
  })

  test('says so when nothing is registered', async () => {
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const { code, stdout } = await cli(['status', '--database', postgres.url])
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'Nothing is registered yet: atproto-collection-backfill run --relay HOST begins.\n',
    })
  })

  test('--watch looks again until Ctrl-C, and tells the speed', async () => {
    await using postgres = await inEveryState()
    await using program = startCli(['status', '--watch', '--json', '--database', postgres.url])
    await program.until(/"imported":290/)
    await postgres.progress.register(SOURCE, [{ nsid: 'com.example.new', estimatedRepos: 9_000 }])
    const claim = await postgres.progress.claim({ relay: SOURCE, owner: 'test', leaseMs: 600_000 })
    if (claim === undefined) throw new Error('nothing to claim')
    await postgres.progress.advance(claim, { pages: 1, imported: 5_000, invalid: 0, cursor: 'c' })
    await program.until(/"imported":5290,"importedPerSecond":[1-9]/)
    program.kill('SIGINT')
    expect((await program.ended).code).toBe(130)
  })
})

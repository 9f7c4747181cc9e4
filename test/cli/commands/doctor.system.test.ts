import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { type RelayScript, startRelay, type TestRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { freePort } from '../../support/program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const PROFILE = 'app.bsky.actor.profile'

/** A relay that is a garden and a directory of DIDs, too. */
function healthyRelay(script?: RelayScript): Promise<TestRelay> {
  return startRelay({ collections: { [PROFILE]: 5 }, ...(script && { script }) })
}

function servicesOf({ url, gardenUrl }: TestRelay): string[] {
  return ['--garden', gardenUrl, '--plc', url]
}

/** What the doctor finds, by subject; what is on loopback without its port. */
async function diagnosis(...args: string[]) {
  const { code, stdout, stderr } = await cli(['doctor', ...args, '--json'])
  const findings = jsonLines(stdout).map(({ subject, ...finding }) => ({
    subject: String(subject).replaceAll(/(?:http:\/\/)?127\.0\.0\.1:\d+/g, 'HOST'),
    ...finding,
  })) as { subject: string; state: string; found: string; advice?: string }[]
  const of = (subject: string) => findings.filter((each) => each.subject.startsWith(subject))
  return { code, stdout, stderr, findings, of }
}

describe('doctor', () => {
  test('finds that all is well, in a line each, and makes nothing', async () => {
    await using relay = await healthyRelay()
    await using folder = await temporaryFolder()
    const data = ['--data', join(folder.path, 'index.sqlite')]
    const args = ['--relay', relay.url, ...servicesOf(relay), ...data]
    const { code, stdout } = await cli(['doctor', ...args], { env: { COLUMNS: '200' } })
    expect(code).toBe(0)
    for (const line of [
      `✓ Node: version ${process.versions.node}.`,
      'it is not there yet: run makes it.',
      '✓ disk: ',
      'serves listReposByCollection; a page took ',
      'it has none, which is usual',
      'they agree.',
      '1 lexicon.',
      'it answers in ',
    ])
      expect(stdout.replaceAll(/\n {2}/g, ' ')).toContain(line)
    expect(await readdir(folder.path)).toEqual([])
    // The check, the directory, the clock, the list of lexicons and the document: a request for each.
    expect(relay.requests).toHaveLength(5)
  })

  test('knows the relays of the runs on the database, and asks none that wants no request', async () => {
    await using relay = await healthyRelay()
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'index.sqlite')
    expect((await cli(['run', '--relay', relay.url, '--collection', PROFILE, '--data', file])).code).toBe(0)
    const after = await diagnosis('--data', file, ...servicesOf(relay))
    expect(after.code).toBe(0)
    expect(after.of('relay HOST')).toMatchObject([{ state: 'ok' }])
    expect(after.of('index')).toMatchObject([
      { found: expect.stringMatching(/^1 collection, without an index by DID/) },
    ])
    expect(after.of('progress')).toMatchObject([{ found: '1 of 1 collection complete, 5 pairs imported' }])
    {
      await using store = await openSqlite(file)
      const [row] = await store.progress.list()
      await store.progress.pauseRelay(row?.relay ?? '', 600_000)
      await store.createDidIndex()
    }
    const before = relay.requests.length
    const paused = await diagnosis('--data', file, ...servicesOf(relay))
    expect(paused.of('relay HOST')).toMatchObject([
      { state: 'warn', found: expect.stringContaining('asked an earlier run') },
    ])
    expect(paused.of('index')).toMatchObject([{ found: '1 collection, with the index by DID' }])
    expect(relay.requests.length - before).toBe(2)
  })

  test('without a relay, and with services that do not answer, warns and says what to do', async () => {
    await using folder = await temporaryFolder()
    const dead = `http://127.0.0.1:${await freePort()}`
    const args = ['--garden', `${dead}/llms.txt`, '--plc', dead, '--data', join(folder.path, 'x.sqlite')]
    const { code, of } = await diagnosis(...args)
    expect(code).toBe(0)
    expect(of('relay')).toMatchObject([{ state: 'warn', advice: expect.stringContaining('--relay HOST') }])
    expect(of('lexicons of')).toMatchObject([
      { state: 'warn', found: expect.stringContaining('ECONNREFUSED') },
    ])
    expect(of('DIDs of')).toMatchObject([
      { state: 'warn', advice: expect.stringContaining('compare --resolve') },
    ])
  })

  test('a relay of a program of its own, whose name is no address, is told and ends nothing', async () => {
    await using relay = await healthyRelay()
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'index.sqlite')
    {
      await using store = await openSqlite(file)
      await store.progress.register('my lister', [{ nsid: PROFILE }])
      await store.progress.register(relay.url, [{ nsid: PROFILE }])
    }
    const { code, of } = await diagnosis('--data', file, ...servicesOf(relay))
    expect(code).toBe(0)
    expect(of('relay my lister')).toMatchObject([
      { state: 'warn', advice: expect.stringContaining('--relay') },
    ])
    expect(of('relay HOST')).toMatchObject([{ state: 'ok' }])
    expect(of('DIDs of')).toMatchObject([{ state: 'ok' }])
  })

  test.each<[string, RelayScript, string]>([
    ['lacks the method', () => ({ status: 404 }), 'does not serve com.atproto.sync.listReposByCollection'],
    [
      'is empty',
      ({ path }) => (path.includes('listRepos') ? { status: 200, body: { repos: [] } } : undefined),
      'lists no repository',
    ],
    ['is ill', () => ({ status: 503 }), 'answered 503'],
  ])('a relay that %s fails, and the exit code says so', async (_, script, found) => {
    await using relay = await healthyRelay(script)
    await using well = await healthyRelay()
    await using folder = await temporaryFolder()
    const data = ['--data', join(folder.path, 'x.sqlite')]
    const { code, of } = await diagnosis('--relay', relay.url, ...servicesOf(well), ...data)
    expect({ code, relay: of('relay HOST') }).toMatchObject({
      code: 1,
      relay: [{ state: 'fail', found: expect.stringContaining(found) }],
    })
  })

  test.each([
    [3_600_000, 'behind'],
    [-90_000, 'ahead of'],
  ])('a clock that is off by %i ms is told', async (offMs, found) => {
    const date = () => new Date(Date.now() + offMs).toUTCString()
    await using relay = await healthyRelay(({ path }) =>
      path === '/xrpc/_health' ? { status: 200, body: {}, headers: { date: date() } } : undefined,
    )
    await using folder = await temporaryFolder()
    const data = ['--data', join(folder.path, 'x.sqlite')]
    const { of, code } = await diagnosis('--relay', relay.url, ...servicesOf(relay), ...data)
    expect(code).toBe(0)
    expect(of('clock')).toMatchObject([
      { state: 'warn', found: expect.stringContaining(`${found} the relay`) },
    ])
  })

  test('a Postgres: its tables, what the user may do, and no password in what is told', async () => {
    await using relay = await healthyRelay()
    await using postgres = await createPostgres()
    const services = servicesOf(relay)
    const fresh = await diagnosis('--database', postgres.url, ...services)
    expect(fresh.of('database')).toMatchObject([
      { state: 'ok', found: expect.stringMatching(/^Postgres \d+/) },
    ])
    expect(fresh.of('tables')).toMatchObject([{ state: 'warn', found: 'there are none' }])
    expect((await cli(['migrate', '--database', postgres.url])).code).toBe(0)
    const role = `reads_${process.pid}`
    await sql`create role ${sql.id(role)} login password 'secret'`.execute(postgres.db)
    try {
      await sql`grant select on all tables in schema public to ${sql.id(role)}`.execute(postgres.db)
      const url = Object.assign(new URL(postgres.url), { username: role, password: 'secret' }).href
      const reader = await diagnosis('--database', url, ...services)
      expect(reader.of('database')[1]).toMatchObject({
        state: 'warn',
        found: 'this user may only read the tables',
      })
      expect(reader.of('tables')).toMatchObject([{ state: 'ok' }])
      expect(reader.of('progress')).toMatchObject([{ found: 'nothing is registered yet' }])
      const gone = await diagnosis('--database', url.replace(/\/[^/]*$/, '/nosuchdatabase'), ...services)
      expect({ code: gone.code, found: gone.of('database') }).toMatchObject({
        code: 1,
        found: [{ state: 'fail' }],
      })
      expect(gone.of('tables')).toEqual([])
      for (const { stdout, stderr } of [reader, gone]) expect(stdout + stderr).not.toContain('secret')
    } finally {
      await sql`drop owned by ${sql.id(role)}`.execute(postgres.db)
      await sql`drop role ${sql.id(role)}`.execute(postgres.db)
    }
  })

  test('a file that is no database, and one where there can be none, fail', async () => {
    await using relay = await healthyRelay()
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'thesis.txt'), 'mine')
    const thesis = await diagnosis('--data', join(folder.path, 'thesis.txt'), ...servicesOf(relay))
    expect({ code: thesis.code, found: thesis.of('tables') }).toMatchObject({
      code: 1,
      found: [{ state: 'fail', found: expect.stringContaining('is no database of SQLite') }],
    })
    const nowhere = await diagnosis('--data', join(folder.path, 'no', 'x.sqlite'), ...servicesOf(relay))
    expect({ code: nowhere.code, found: nowhere.of('file') }).toMatchObject({
      code: 1,
      found: [{ state: 'fail', advice: expect.stringContaining('Create the folder') }],
    })
  })
})

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { createProgram } from '../../../src/cli/program.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { VERSION } from '../../../src/util/version.ts'
import { cli, cliProcess, runOn } from '../../support/cli.ts'
import { createPostgres, type TestPostgres } from '../../support/databases.ts'
import { freePort } from '../../support/program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const COMMANDS = createProgram(() => {}).commands.map((command) => command.name())
const PROFILE = 'app.bsky.actor.profile'

/** How many tables, views and indexes a schema has. */
async function relationsIn({ db }: TestPostgres, schema: string): Promise<number> {
  const { rows } = await sql`
    select 1 from pg_class where relnamespace = (select oid from pg_namespace where nspname = ${schema})
  `.execute(db)
  return rows.length
}

async function schemasNamed({ db }: TestPostgres, name: string): Promise<number> {
  const { rows } = await sql`select 1 from pg_namespace where nspname = ${name}`.execute(db)
  return rows.length
}

describe('help', () => {
  test('shows the commands, the exit codes and examples', async () => {
    const { code, stdout, stderr } = await cli(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of COMMANDS) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'))
    }
    expect(stdout).toContain('130 interrupted')
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  test.each(COMMANDS)('%s --help', async (command) => {
    const { code, stdout } = await cli([command, '--help'])
    expect(code).toBe(0)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    const options = stdout.split(/^ {2}(?=-)/m).slice(1)
    const withoutVariable = options.filter((text) => !text.includes('(env:'))
    for (const text of withoutVariable) expect(text).toMatch(/^(-h, --help|--all|--watch) /)
    expect(options.length - withoutVariable.length).toBeGreaterThanOrEqual(4)
    expect(stdout).toMatch(new RegExp(`^Examples:\\n {2}atproto-collection-backfill ${command}`, 'm'))
  })

  test('--version is that of the package', async () => {
    expect(await cliProcess(['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' })
  })
})

describe('wrong usage is told in a line without a stack, and ends with 2', () => {
  test.each([
    [['run', '--relay', 'relay.example', '--collection', 'foo'], '"foo" is not a valid NSID, nor a pattern'],
    [['run'], 'Give --relay HOST or set RELAY'],
    [['run', '--relay', 'ftp://x'], 'relay must be the host of a relay'],
    [['run', '--relay', 'x,ftp://y'], 'relay must be the host of a relay'],
    [['run', '--relay', 'user:secret@x'], 'relay must be the host of a relay'],
    [['run', '--relay', 'x', '--page-size', '0'], 'must be a whole number from 1 to 10000'],
    [['run', '--relay', 'x', '--concurrency', 'many'], 'must be a whole number'],
    [['run', '--relay', 'x', '--refresh', '7'], 'with a unit: 90s, 30m, 12h, 7d or 2w'],
    [['run', '--relay', 'x', '--every', 'daily'], 'with a unit: 90s, 30m, 12h, 7d or 2w'],
    [['run', '--relay', 'x', '--serve', '99999'], 'must be a port such as 8080'],
    [['run', '--relay', 'x', '--metrics-port', 'http://x'], 'must be a port such as 8080'],
    [['run', '--relay', 'x', '--requests-per-second', '0'], 'must be a number above 0'],
    [['run', '--relay', 'x', '--source', 'moon'], 'must be one of garden'],
    [
      ['run', '--relay', 'x', '--database', 'mysql://me:secret@h/d'],
      '--database must be a URL such as postgres://',
    ],
    [['run', '--relay', 'x', '--database', 'postgres://h/d', '--data', 'd'], 'give one of them'],
    [['run', '--nonsense'], "unknown option '--nonsense'"],
    [['nonsense'], "unknown command 'nonsense'"],
    [['status', '--state', 'odd'], 'must be one of failed, running, pending, complete'],
    [['export'], "missing required argument 'file'"],
    [['export', 'x', '--format', 'xml'], 'must be csv or ndjson'],
    [['import'], "missing required argument 'file'"],
    [['import', 'x', '--only', 'foo'], '"foo" is not a valid NSID, nor a pattern'],
    [['reset'], "missing required argument 'nsid'"],
    [['retry', 'foo'], '"foo" is not a valid NSID'],
    [['verify'], 'Give --relay HOST or set RELAY'],
    [['discover', '--source', 'observed'], 'The source observed needs --database or --data.'],
    [
      ['compare', '--relay', 'x', '--relay', 'y', '--source', 'observed'],
      'must be one of garden, lexicons, directory, ufos.',
    ],
    [['count', '--relay', 'x', '--source', 'observed'], 'must be one of garden, lexicons, directory, ufos.'],
    [['doctor', '--garden', 'user:secret@x'], 'garden must be an http or https URL'],
    [['doctor', '--plc', 'ftp://x'], 'plc must be the host'],
    [['discover', '--source', 'directory'], 'The source directory needs --relay HOST.'],
  ])('%j', async (args, message) => {
    await using folder = await temporaryFolder()
    const { code, stdout, stderr } = await cli(args, { cwd: folder.path })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^atproto-collection-backfill: /)
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
    expect(stderr).not.toContain('secret')
  })

  test('a variable of the environment is named with what is wrong with it', async () => {
    const { code, stderr } = await cli(['run'], { env: { RELAY: 'x', BACKFILL_CONCURRENCY: '0' } })
    expect(code).toBe(2)
    expect(stderr).toContain("value '0' from env 'BACKFILL_CONCURRENCY' is invalid")
  })

  test('no command at all shows the help', async () => {
    const { code, stderr } = await cli([])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: atproto-collection-backfill')
  })
})

describe('what cannot work is told in one line that says what to do, and ends with 1', () => {
  async function refusalOf(
    args: readonly string[],
    options: Parameters<typeof cliProcess>[1] = {},
  ): Promise<string> {
    // Modules can be loaded beforehand only by a process of its own.
    const { code, stderr } = await (options.imports ? cliProcess : cli)(args, options)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^atproto-collection-backfill: .*\n$/)
    return stderr
  }

  test('a relay that is not there', async () => {
    await using postgres = await createPostgres()
    const relay = `http://127.0.0.1:${await freePort()}`
    const args = runOn({ url: relay }, postgres, '--collection', PROFILE, '--retries', '0')
    expect(await refusalOf(args)).toContain('ECONNREFUSED')
  })

  test('a relay that holds nothing, and one without the method', async () => {
    await using postgres = await createPostgres()
    await using empty = await startRelay({ collections: { [PROFILE]: 0 } })
    await using other = await startRelay({ collections: {}, script: () => ({ status: 404 }) })
    const named = ['--collection', PROFILE]
    expect(await refusalOf(runOn(empty, postgres, ...named))).toContain('Use a relay with a collection index')
    expect(await refusalOf(runOn(other, postgres, ...named))).toContain(
      'does not serve com.atproto.sync.listReposByCollection',
    )
  })

  test('no source that answers', async () => {
    await using postgres = await createPostgres()
    await using relay = await startRelay({
      collections: { [PROFILE]: 5 },
      script: ({ path }) => (path === '/llms.txt' ? { status: 404 } : undefined),
    })
    const args = runOn(relay, postgres, '--source', `garden=${relay.gardenUrl}`)
    expect(await refusalOf(args)).toContain('Give collections by name')
  })

  test('a Postgres that is not there, or does not let this user in; the password is not repeated', async () => {
    const port = await freePort()
    const gone = await refusalOf(['migrate', '--database', `postgres://me:secret@127.0.0.1:${port}/d`])
    expect(gone).toContain(`Cannot open the database postgres://127.0.0.1:${port}/d: connect ECONNREFUSED`)
    await using postgres = await createPostgres()
    const wrong = new URL(postgres.url)
    wrong.pathname = '/nosuchdatabase'
    expect(await refusalOf(['status', '--database', wrong.href])).toContain('Check that')
    expect(gone).not.toContain('secret')
  })

  test.each(['status', 'retry', 'verify'])('%s where there is no file makes none', async (command) => {
    await using folder = await temporaryFolder()
    const refusal = await refusalOf([command], { cwd: folder.path, env: { RELAY: 'relay.example' } })
    expect(refusal).toContain('There is no database in ./collection-backfill.sqlite yet')
  })

  test.each([['status'], ['retry'], ['reset', PROFILE], ['verify']])(
    '%s of a Postgres without a backfill creates nothing, and says where it looked',
    async (...command) => {
      await using postgres = await createPostgres()
      const on = ['--database', postgres.url]
      const env = { RELAY: 'relay.example' }
      expect(await refusalOf([...command, ...on], { env })).toContain('There is no backfill in postgres://')
      expect(await relationsIn(postgres, 'public')).toBe(0)
      expect((await cli(['migrate', ...on])).code).toBe(0)
      const refusal = await refusalOf([...command, ...on, '--schema', 'nope'], { env })
      expect(refusal).toContain('in the schema nope: ')
      expect(refusal).toContain('--schema')
      expect(await schemasNamed(postgres, 'nope')).toBe(0)
    },
  )

  test('a schema of a file', async () => {
    await using folder = await temporaryFolder()
    const args = ['status', '--data', join(folder.path, 'index.sqlite'), '--schema', 'nope']
    const { code, stderr } = await cli(args)
    expect(code).toBe(2)
    expect(stderr).toContain('--schema is for a Postgres')
  })

  test('a file that is no database: it is left alone', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'thesis.txt')
    await writeFile(file, 'mine')
    const refusal = await refusalOf(['run', '--relay', 'relay.example', '--data', file])
    expect(refusal).toContain(`${file} is no database of SQLite`)
    expect(await readFile(file, 'utf8')).toBe('mine')
    expect(await readdir(folder.path)).toEqual(['thesis.txt'])
  })
})

test('an error is told in one line, and with its stack by --debug', async () => {
  const args = ['migrate', '--database', `postgres://127.0.0.1:${await freePort()}/d`]
  expect((await cli(args)).stderr).toMatch(/^atproto-collection-backfill: [^\n]*ECONNREFUSED[^\n]*\n$/)
  const { code, stderr } = await cli([...args, '--debug'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/StoreUnavailableError[\s\S]*\n {4}at [\s\S]*ECONNREFUSED/)
})

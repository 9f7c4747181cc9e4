import { readdir } from 'node:fs/promises'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { startRelay, type TestRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines, runOn } from '../../support/cli.ts'
import { createPostgres, type TestPostgres } from '../../support/databases.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const PROFILE = 'app.bsky.actor.profile'
const sizes = { [PROFILE]: 450, 'com.example.a': 30, 'com.example.b': 2 }

/** A relay whose directory tells the sizes. */
const withDirectory = (): Promise<TestRelay> =>
  startRelay({
    collections: sizes,
    script: ({ path }) =>
      path.startsWith('/v1/') ? { status: 200, body: { collections: sizes, cursor: '' } } : undefined,
  })

/** Everything that a database holds: its relations, and the rows of its tables. */
async function contentsOf({ db }: TestPostgres): Promise<object> {
  const { rows: relations } = await sql<{ name: string; kind: string }>`
    select c.oid::regclass::text as name, c.relkind::text as kind from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname not in ('pg_catalog', 'information_schema') and nspname not like 'pg_toast%' order by 1
  `.execute(db)
  const contents: Record<string, unknown> = { relations }
  for (const { name, kind } of relations) {
    if (kind !== 'r') continue
    const { rows } =
      await sql`select to_jsonb(t) as row, xmin::text, ctid::text from ${sql.raw(name)} t order by 3`.execute(
        db,
      )
    contents[name] = rows
  }
  return contents
}

describe('run --dry-run', () => {
  test('asks the sources that are named, of a file that is not there yet too, as the run would', async () => {
    await using folder = await temporaryFolder()
    await using relay = await startRelay({ collections: { 'com.example.a': 3 } })
    const sources = ['--source', `garden=${relay.gardenUrl}`, 'observed', '--dry-run']
    const ended = await cli(['run', '--relay', relay.url, '--no-check', ...sources], { cwd: folder.path })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('com.example.a')
    expect(await readdir(folder.path)).toEqual([])
  })

  test('says what the run would read, how long and how much, at 80 columns, and writes nothing', async () => {
    await using relay = await withDirectory()
    await using postgres = await createPostgres()
    const args = runOn(relay, postgres, '--page-size', '100', '--source', 'directory')
    const empty = await contentsOf(postgres)
    const first = await cli([...args, '--dry-run'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(await contentsOf(postgres)).toEqual(empty)
    expect(first.stdout).toMatch(/index {2}postgres:.*, which is not there yet\n/)
    expect(first.stdout).toMatch(/app\.bsky\.actor\.profile +450 +6\n/)
    expect(first.stdout).toMatch(/3 collections +482 +9\n/)
    expect(first.stdout).toMatch(/At this pace about \d+s for about 482 pairs, about 0\.1 MB in Postgres\./)
    expect(first.stdout).toContain('Nothing was written.')
    for (const line of first.stdout.split('\n').slice(2)) expect(line.length).toBeLessThan(80)

    const some = runOn(relay, postgres, '--collection', PROFILE, 'com.example.a')
    expect((await cli(some)).code).toBe(0)
    const after = await contentsOf(postgres)
    const done = await cli([...some, '--dry-run'])
    expect(done.stdout).toContain('Everything is complete: a run would read nothing.')
    const second = await cli([...args, '--dry-run', '--json'])
    expect(await contentsOf(postgres)).toEqual(after)
    expect(jsonLines(second.stdout)).toEqual([
      {
        type: 'plan',
        at: expect.any(String),
        pairs: 2,
        bytes: 290,
        durationMs: expect.any(Number),
        atLeast: false,
        relays: [
          expect.objectContaining({
            relay: relay.url,
            complete: 2,
            collections: [{ collection: 'com.example.b', repos: 2, requests: 1 }],
          }),
        ],
      },
    ])
  })

  test('makes no folder and no file for the embedded database', async () => {
    await using relay = await withDirectory()
    await using folder = await temporaryFolder()
    const args = ['run', '--relay', relay.url, '--source', 'directory', '--dry-run']
    const { code, stdout } = await cli(args, { cwd: folder.path })
    expect(code).toBe(0)
    expect(stdout).toMatch(/for about 482 pairs, about 0\.1 MB in SQLite\./)
    expect(await readdir(folder.path)).toEqual([])
  })
})

import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { kyselyIndexSink, migrateToLatest } from '../../../src/kysely/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines, startCli } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

describe('discover', () => {
  test('lists what the sources know together, for another program to read', async () => {
    await using relay = await startRelay({ collections: { 'com.example.b': 1, 'com.example.a': 2 } })
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const dids = ['did:web:a.example']
    await kyselyIndexSink(postgres.db).add({ relay: 'x', collection: 'com.example.own', dids })
    const args = ['discover', '--source', `garden=${relay.gardenUrl}`, 'observed', '--database', postgres.url]
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'com.example.a\ncom.example.b\ncom.example.own\n' })
    expect(stderr).toMatch(/^3 collections: 127\.0\.0\.1:\d+ 2, observed collections 1\n$/)
  })

  test('a database without a backfill stays as it is, and its place is told', async () => {
    await using relay = await startRelay({ collections: { 'com.example.a': 2 } })
    await using postgres = await createPostgres()
    const place = ['--database', postgres.url, '--schema', 'nope']
    const { code, stdout, stderr } = await cli([
      'discover',
      '--source',
      `garden=${relay.gardenUrl}`,
      ...place,
    ])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'com.example.a\n' })
    expect(stderr).toMatch(/^! There is no backfill in postgres:.* in the schema nope\b.*\n1 collection: /)
    const { rows } = await sql`select 1 from pg_namespace where nspname = 'nope'`.execute(postgres.db)
    expect(rows).toEqual([])
  })

  test('whoever hears nothing of errors gets the list all the same', async () => {
    await using relay = await startRelay({ collections: { 'com.example.a': 2 } })
    await using folder = await temporaryFolder()
    const args = ['discover', '--source', `garden=${relay.gardenUrl}`, 'ufos=http://127.0.0.1:1/']
    await using program = startCli([...args, '--data', `${folder.path}/index.sqlite`])
    program.closeStderr()
    expect(await program.ended).toMatchObject({ code: 1, stdout: 'com.example.a\n' })
  })

  test('each source can be asked, at an address of its own; those with sizes come first', async () => {
    const bodies: Record<string, unknown> = {
      '/v1/listCollections': { collections: { 'com.example.dir': 1_234 }, cursor: '' },
      '/ufos': { collections: [{ nsid: 'com.example.ufo', dids_estimate: 77 }], cursor: null },
      '/xrpc/garden.lexicon.browse': { lexicons: ['com.example.lexicon'] },
    }
    await using relay = await startRelay({
      collections: { 'com.example.garden': 1 },
      script: ({ path }) => (path in bodies ? { status: 200, body: bodies[path] } : undefined),
    })
    await using folder = await temporaryFolder()
    const { url, gardenUrl } = relay
    const sources = [`garden=${gardenUrl}`, `lexicons=${gardenUrl}`, `ufos=${url}/ufos`, 'directory']
    const args = ['discover', '--relay', url, '--source', ...sources]
    const { code, stdout, stderr } = await cli(args, { cwd: folder.path })
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        'com.example.dir             1,234\ncom.example.ufo                77\ncom.example.garden\ncom.example.lexicon\n',
    })
    expect(stderr).toMatch(
      /^4 collections: 127\.0\.0\.1:\d+ 1, 127\.0\.0\.1:\d+ 1, .*\/ufos 1, .*\/v1\/listCollections 1\n$/,
    )
  })

  test('a source that fails is told, the others count, and the exit code says that something is missing', async () => {
    await using relay = await startRelay({
      collections: {},
      script: () => ({ status: 404, body: { error: 'NotFound', message: 'gone for good' } }),
    })
    await using folder = await temporaryFolder()
    const args = ['discover', '--source', `garden=${relay.gardenUrl}`, '--collection', 'com.example.a']
    const { code, stdout, stderr } = await cli(args, { cwd: folder.path })
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'com.example.a\n' })
    expect(stderr).toMatch(/^! 127\.0\.0\.1:\d+ failed: .*gone for good/)
  })

  test('--json prints one object with collections, sources and errors', async () => {
    await using relay = await startRelay({ collections: { 'com.example.a': 2 } })
    await using folder = await temporaryFolder()
    const args = ['discover', '--json', '--source', `garden=${relay.gardenUrl}`]
    const { code, stdout } = await cli(args, { cwd: folder.path })
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toMatchObject([
      { type: 'discovered', collections: [{ nsid: 'com.example.a' }], sources: [{ found: 1 }], errors: [] },
    ])
  })
})

import { readdir } from 'node:fs/promises'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, cliProcess, jsonLines, runOn } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { BIG } from '../../support/parked-relay.ts'
import { freePort } from '../../support/program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const PROFILE = 'app.bsky.actor.profile'
const BROKEN = 'com.example.broken'

describe('run', () => {
  test('imports what the garden lists, says so, and has nothing to do the next time', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, 'com.whtwnd.blog.entry': 3 } })
    await using postgres = await createPostgres()
    const args = runOn(relay, postgres, '--source', `garden=${relay.gardenUrl}`)
    const first = await cliProcess(args)
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain(`relay  ${relay.url}\n`)
    expect(first.stdout).toContain('2 collections known: 127.0.0.1')
    expect(first.stdout).toMatch(/2 collections +48 +2\n/)
    const pairs = await postgres.db.selectFrom('collection_index').selectAll().execute()
    expect(pairs).toHaveLength(48)

    const again = await cli(args)
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(again.stdout).toContain('resuming: 100%, 2 of 2 collections complete, 48 imported\n')
    expect(again.stdout).toContain('this run: 0 collections · 0 imported')
  })

  test('keeps its index in a file when no database is named, and walks the named collections only', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 45, 'com.whtwnd.blog.entry': 3, [BIG]: 9 },
    })
    await using folder = await temporaryFolder()
    const named = ['--collection', 'com.whtwnd.blog.entry', '--collection', `${PROFILE}`]
    const args = ['run', '--relay', relay.url, ...named]
    const { code, stdout, stderr } = await cliProcess(args, { cwd: folder.path })
    // Not even that SQLite is experimental.
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('index  ./collection-backfill.sqlite\n')
    expect(stdout).toMatch(/2 collections +48 +2\n/)
    expect(relay.requestsOf(BIG)).toEqual([])
    expect(await readdir(folder.path)).toEqual(['collection-backfill.sqlite'])
    const { stdout: status } = await cli(['status'], { cwd: folder.path })
    expect(status).toContain(`${relay.url}: 100%, 2 of 2 collections complete, 48 imported\n`)
  })

  test('takes what is not written from the environment', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, [BIG]: 3 } })
    await using postgres = await createPostgres()
    const env = {
      RELAY: relay.url,
      DATABASE_URL: postgres.url,
      BACKFILL_SCHEMA: 'apart',
      BACKFILL_COLLECTIONS: `${PROFILE}, ${BIG}`,
      BACKFILL_PAGE_SIZE: '10',
      BACKFILL_JSON: '1',
      BACKFILL_DEBUG: '0',
      BACKFILL_DATA: '',
    }
    const { code, stdout, stderr } = await cli(['run', '--page-size', '20'], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(jsonLines(stdout).at(-1)).toMatchObject({ type: 'end', outcome: 'complete' })
    expect(relay.requestsOf(PROFILE).map(({ limit }) => limit)).toEqual([20, 20, 20, 20, 20])
    const index = postgres.db.withSchema('apart').selectFrom('collection_index')
    expect(await index.selectAll().execute()).toHaveLength(48)
  })

  test('says what to do of a collection that is far from what the relay’s directory told', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 45, [BIG]: 30 },
      script: ({ path }) =>
        path === '/v1/listCollections'
          ? { status: 200, body: { collections: { [PROFILE]: 100, [BIG]: 40 }, cursor: '' } }
          : undefined,
    })
    await using postgres = await createPostgres()
    const args = runOn(relay, postgres, '--source', `directory=${relay.url}`, '--page-size', '20')
    const { code, stdout } = await cli(args)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      new RegExp(`\n {2}${PROFILE}: the relay listed less than half .* verify, or reset and run again\\.\n`),
    )
    expect(stdout).not.toContain(`${BIG}: `)
    const status = await cli(['status', '--database', postgres.url, '--json'])
    expect(jsonLines(status.stdout)[0]?.collections).toMatchObject([
      { collection: PROFILE, flags: ['smallerThanTold'] },
      { collection: BIG, flags: [] },
    ])
  })

  test('a refresh walks again what was completed long enough ago', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    const args = runOn(relay, postgres, '--collection', PROFILE)
    await cli(args)
    await sql`update backfill_progress set completed_at = now() - interval '8 days'`.execute(postgres.db)
    expect((await cli([...args, '--refresh', '9d'])).stdout).toContain('this run: 0 collections')
    const { code, stdout } = await cli([...args, '--refresh', '7d'])
    expect(code).toBe(0)
    expect(stdout).toContain('this run: 1 collection · 45 imported (0 new)')
  })
})

describe('several relays', () => {
  const dids = (...names: string[]) => names.map((name) => `did:web:${name}.example`)

  test('fill one index side by side, each pair once, and each is told of', async () => {
    await using one = await startRelay({ collections: { [PROFILE]: dids('a', 'b'), [BIG]: dids('a') } })
    await using other = await startRelay({ collections: { [PROFILE]: dids('b', 'c', 'd') } })
    await using postgres = await createPostgres()
    const args = runOn(one, postgres, '--relay', other.url, '--collection', `${PROFILE},${BIG}`)
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`relay  ${one.url}\nrelay  ${other.url}\nindex  `)
    for (const [{ url }, pairs] of [
      [one, 3],
      [other, 3],
    ] as const) {
      expect(stdout).toMatch(new RegExp(`^ {2}${url}\\n[^✗]*?2 collections +${pairs} +2\\n`, 'm'))
    }
    expect(stdout).toContain('all relays, this run: 4 collections · 6 imported (5 new)')
    const pairs = await postgres.db.selectFrom('collection_index').selectAll().orderBy('did').execute()
    expect(pairs.flatMap(({ collection, did }) => (collection === PROFILE ? [did] : []))).toEqual(
      dids('a', 'b', 'c', 'd'),
    )
    const { stdout: status } = await cli(['status', '--database', postgres.url], {
      env: { RELAY: `${one.url} ${other.url}` },
    })
    expect(status.match(/2 of 2 collections complete/g)).toHaveLength(2)
  })

  test('one that cannot be walked does not stop the others, and is named at the end', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    const gone = `http://127.0.0.1:${await freePort()}`
    const args = runOn(relay, postgres, '--relay', gone, '--collection', PROFILE, '--retries', '0')
    const { code, stdout, stderr } = await cli(args)
    expect(code).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(new RegExp(` ✗ ${gone} gave no .*ECONNREFUSED`))
    expect(stdout).toMatch(/1 collection +45 +1\n/)
    expect(stderr).toBe(`atproto-collection-backfill: ${gone} is not complete, see above.\n`)
    const { stdout: json } = await cli([...args, '--json'])
    expect(jsonLines(json).filter(({ type }) => type === 'relayFailed' || type === 'end')).toMatchObject([
      { type: 'relayFailed', relay: gone, error: { code: 'RELAY_UNREACHABLE' } },
      { type: 'end', outcome: 'incomplete', failures: [], failedRelays: [{ relay: gone }] },
    ])
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
    const args = runOn(relay, postgres, '--collection', `${PROFILE},${BROKEN}`)
    const { code, stdout, stderr } = await cli(args)
    expect(code).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      `✗ ${BROKEN} ${new URL(relay.url).host} answered 403: AccessDenied: Not [2Jfor you.`,
    )
    expect(stdout).toMatch(/2 collections +45 +1\n/)
    expect(stderr).toMatch(
      /^atproto-collection-backfill: 1 collection is not complete\. Run again to retry it\.\n {2}com\.example\.broken: .*Not \[2Jfor you.*\n$/,
    )
    expect(stdout + stderr).not.toContain('\u001b')
  })
})

test('colors are those that the environment asks for', async () => {
  await using relay = await startRelay({ collections: { [PROFILE]: 5 } })
  await using postgres = await createPostgres()
  const args = runOn(relay, postgres, '--collection', PROFILE)
  expect((await cli(args)).stdout).not.toContain('\u001b[')
  expect((await cli(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[')
  expect((await cli(args, { env: { FORCE_COLOR: '0' } })).stdout).not.toContain('\u001b[')
})

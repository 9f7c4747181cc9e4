import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import type { Ended } from '../support/program.ts'
import { runExample, startExample } from './run-example.ts'

const collections = {
  'app.bsky.actor.profile': 4_500,
  'app.bsky.feed.post': 300,
  'com.whtwnd.blog.entry': 20,
}

let relay: TestRelay
let other: TestRelay
beforeAll(async () => {
  relay = await startRelay({ collections })
  other = await startRelay({ collections: { ...collections, 'app.bsky.feed.post': 500 } })
})
afterAll(async () => {
  await relay.close()
  await other.close()
})

/** Where the short programs find what they would find on the network: by a relay that stands in for it. */
function environment(database?: TestPostgres): Record<string, string> {
  const { url } = relay
  return {
    RELAY: url,
    RELAYS: `${url},${other.url}`,
    STAND_IN_RELAY: url,
    STAND_IN_GARDEN: relay.gardenUrl,
    ...(database && { DATABASE_URL: database.url }),
  }
}

const imports = [new URL('../docs/stand-ins.ts', import.meta.url).href]
const run = (path: string, database?: TestPostgres): Promise<Ended> =>
  runExample(path, { env: environment(database), imports })

describe('the short programs that users write', () => {
  it('quickstart.ts fills an index in Postgres', async () => {
    await using database = await createPostgres()
    const { code, stdout, stderr } = await run('quickstart.ts', database)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^app\.bsky\.actor\.profile \d+ 4500$/m)
  })

  it('memory.ts holds a collection in memory', async () => {
    expect(await run('memory.ts')).toEqual({ code: 0, stdout: '1 pages, 20 repos\n', stderr: '' })
  })

  it('sqlite-sink.ts writes into SQLite', async () => {
    const { code, stdout } = await run('sqlite-sink.ts')
    expect(code).toBe(0)
    expect(stdout).toMatch(/collection: 'com\.whtwnd\.blog\.entry',\s+repos: 20/)
  })

  it('progress.ts shows how far it is', async () => {
    const { code, stdout } = await run('progress.ts')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^3 of 3 collections, 4820 imported/m)
  })

  it('stop-and-resume.ts stops at Ctrl-C and goes on', async () => {
    await using database = await createPostgres()
    await using program = startExample('stop-and-resume.ts', { env: environment(database), imports })
    await program.until(/^app\.bsky\.actor\.profile \d+/m)
    program.kill('SIGINT')
    expect((await program.ended).code).toBe(0)
    expect(await run('stop-and-resume.ts', database)).toMatchObject({ code: 0, stderr: '' })
    expect(await pairs(database)).toBe(4_820)
  })

  it('two-relays.ts makes one index of two relays', async () => {
    await using database = await createPostgres()
    const { code, stdout } = await run('two-relays.ts', database)
    expect(code).toBe(0)
    expect(stdout.match(/completed: 3/g)).toHaveLength(2)
    const union = new Set([...relay.dids('app.bsky.feed.post'), ...other.dids('app.bsky.feed.post')])
    expect(await pairs(database, 'app.bsky.feed.post')).toBe(union.size)
  })

  it('weekly-refresh.ts walks nothing twice in a week', async () => {
    await using database = await createPostgres()
    const first = await run('weekly-refresh.ts', database)
    expect(first.stdout).toBe('3 collections walked, 4820 pairs are new\n')
    expect((await run('weekly-refresh.ts', database)).stdout).toBe('0 collections walked, 0 pairs are new\n')
    await sql`
      update backfill_progress
      set began_at = began_at - interval '8 days', completed_at = completed_at - interval '8 days'
    `.execute(database.db)
    expect((await run('weekly-refresh.ts', database)).stdout).toBe('3 collections walked, 0 pairs are new\n')
  })
})

async function pairs({ db }: TestPostgres, collection = '%'): Promise<number> {
  const query = sql<{ pairs: number }>`
    select count(*)::int as pairs from collection_index where collection like ${collection}`
  return (await query.execute(db)).rows[0]?.pairs ?? 0
}

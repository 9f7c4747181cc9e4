import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections, relayLister } from '../../src/index.ts'
import {
  collectionIndex,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
} from '../../src/kysely/index.ts'
import type { TestRelay } from '../../src/testing/index.ts'
import { blocksOf } from '../support/compile.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { BIG, startParkedRelay } from '../support/parked-relay.ts'
import { explaining } from '../support/plans.ts'
import { didsFrom, SOURCE } from '../support/store-steps.ts'

const page = readFileSync(new URL('../../src/docs/machines.md', import.meta.url), 'utf8')
const [partitioning = '', tables = '', didIndex = ''] = blocksOf(page, 'sql')

const POST = 'app.bsky.feed.post'

/** Runs what the page shows as an operator would, all statements on one connection. */
async function runShown(db: TestKysely, script: string): Promise<void> {
  expect(script).not.toBe('')
  await db.connection().execute(async (connection) => {
    for (const statement of script.split(';\n')) await sql.raw(statement).execute(connection)
  })
}

async function backfill(db: TestKysely, relay: TestRelay): Promise<void> {
  const backfiller = createBackfiller({
    relay: relayLister(relay.url, { pageSize: 100 }),
    collections: [knownCollections(relay.collections)],
    store: { sink: kyselyIndexSink(db), progress: kyselyProgressStore(db) },
  })
  await backfiller.run()
}

async function filled(): Promise<TestPostgres> {
  const postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await kyselyIndexSink(postgres.db).add({ relay: SOURCE, collection: POST, dids: didsFrom(0, 1_000) })
  return postgres
}

/** All repos of a collection, a small page at a time. */
async function reposOf(db: TestKysely, collection: string): Promise<string[]> {
  const index = collectionIndex(db)
  const dids: string[] = []
  let cursor: string | undefined
  do {
    const listed = await index.listRepos(collection, { cursor, limit: 300 })
    dids.push(...listed.dids)
    cursor = listed.cursor
  } while (cursor !== undefined)
  return dids
}

async function partsOf(db: TestKysely): Promise<number[]> {
  const { rows } = await sql<{ pairs: string }>`
    select (select count(*) from collection_index_pair as pair where pair.tableoid = relid) as pairs
    from pg_partition_tree('collection_index_pair') where isleaf
  `.execute(db)
  return rows.map(({ pairs }) => Number(pairs))
}

/** The columns of the index's tables, but for their collations. */
async function columnsOf(db: TestKysely): Promise<unknown[]> {
  const { rows } = await sql`
    select table_name, column_name, data_type, is_nullable, is_identity, identity_generation
    from information_schema.columns where table_name like 'collection_index%' order by 1, ordinal_position
  `.execute(db)
  return rows
}

describe('the statements of "More than one machine"', () => {
  it('split the pairs that are there, and everything goes on as before', async () => {
    await using postgres = await filled()
    const { db } = postgres
    await runShown(db, partitioning)
    const parts = await partsOf(db)
    expect(parts).toHaveLength(4)
    expect(Math.min(...parts)).toBeGreaterThan(150)

    const added = await kyselyIndexSink(db).add({
      relay: SOURCE,
      collection: POST,
      dids: didsFrom(900, 200),
    })
    expect(added).toEqual({ added: 100 })
    expect(await reposOf(db, POST)).toEqual(didsFrom(0, 1_100).sort())
    const index = collectionIndex(db)
    const [did = ''] = didsFrom(0, 1)
    expect(await index.remove(POST, did)).toEqual({ removed: 1 })
    expect(await index.has(POST, did)).toBe(false)
    await sql`analyze collection_index_pair`.execute(db)
    expect((await index.listCollections()).collections).toEqual([{ nsid: POST, estimatedRepos: 1_099 }])
    expect(await db.selectFrom('collection_index').selectAll().execute()).toHaveLength(1_099)

    await runShown(db, didIndex)
    expect(await index.removeRepo(didsFrom(1, 1)[0] ?? '')).toEqual({ removed: 1 })
    expect(await index.collectionsOf(didsFrom(2, 1)[0] ?? '')).toEqual({ collections: [POST] })
    await migrateToLatest(db)
  })

  it('leave pages of the list to the keys of the parts, without a sort', async () => {
    await using postgres = await filled()
    await runShown(postgres.db, partitioning)
    await using explained = explaining(postgres.url)
    await sql`set enable_seqscan = off`.execute(explained.db)
    const cursor = didsFrom(0, 1_000).sort()[700]
    const [plan] = await explained.plansOf(() =>
      collectionIndex(explained.db).listRepos(POST, { cursor, limit: 10 }),
    )
    const types = plan?.nodes.map((node) => node['Node Type']) ?? []
    expect(types).toContain('Merge Append')
    expect(types).not.toContain('Sort')
    expect(types).not.toContain('Seq Scan')
  })

  it('split them while a backfill goes on', async () => {
    await using postgres = await createPostgres()
    const { db } = postgres
    await migrateToLatest(db)
    await using parked = await startParkedRelay(3)
    const done = backfill(db, parked.relay)
    await parked.parked
    await runShown(postgres.connect(), partitioning)
    parked.letGo()
    await done
    expect(await reposOf(db, BIG)).toEqual([...parked.relay.dids(BIG)].sort())
    expect((await partsOf(db)).reduce((sum, pairs) => sum + pairs)).toBe(1_150)
  })

  it('make the tables beforehand that the migration would make, but for the collation', async () => {
    await using migrated = await createPostgres()
    await migrateToLatest(migrated.db)
    await using postgres = await createPostgres()
    const { db } = postgres
    await runShown(db, tables)
    await migrateToLatest(db)
    expect(await columnsOf(db)).toEqual(await columnsOf(migrated.db))

    await using parked = await startParkedRelay(0)
    parked.letGo()
    await backfill(db, parked.relay)
    expect(await reposOf(db, BIG)).toEqual([...parked.relay.dids(BIG)].sort())
    await runShown(db, didIndex)
    const [did = ''] = parked.relay.dids('app.bsky.actor.profile')
    const { collections } = await collectionIndex(db).collectionsOf(did)
    expect(collections).toContain('app.bsky.actor.profile')
  })
})

import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { createPostgres } from '../support/databases.ts'

const RELAY = 'relay.example'
const names = ['com.example.a', 'com.example.b', 'com.example.c']

it('a registration locks rows in the order of their names, whatever the order given: two of them are no deadlock', async () => {
  await using postgres = await createPostgres()
  const { db } = postgres
  await migrateToLatest(db)
  const progress = kyselyProgressStore(db)
  const insert = (connection: typeof db, collection: string | undefined) =>
    sql`insert into backfill_progress (collection, source) values (${collection}, ${RELAY}) on conflict do nothing`.execute(
      connection,
    )
  let registering: Promise<void> | undefined
  await db.transaction().execute(async (holder) => {
    await insert(holder, names[0])
    registering = progress.register(
      RELAY,
      names.toReversed().map((nsid) => ({ nsid })),
    )
    const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    await expect.poll(async () => (await waiting.execute(db)).rows.length, { timeout: 10_000 }).toBe(1)
    // It waits for the first row, and holds none of the others meanwhile.
    await db.transaction().execute(async (other) => {
      await sql`set local lock_timeout = '500ms'`.execute(other)
      for (const name of names.slice(1)) await insert(other, name)
    })
  })
  await registering
  expect((await progress.list()).map(({ collection }) => collection)).toEqual(names)
})

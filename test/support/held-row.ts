import { sql } from 'kysely'
import { expect } from 'vitest'
import type { TestPostgres } from './databases.ts'
import type { ParkedRelay } from './parked-relay.ts'

/** Waits until the walk of a parked relay has so many pages in the database. */
export async function untilCommitted({ db }: TestPostgres, pages: number): Promise<void> {
  const saved = sql<{ page_count: string }>`select page_count from backfill_progress`
  await expect.poll(async () => Number((await saved.execute(db)).rows[0]?.page_count)).toBe(pages)
}

/** Lets a walk that is parked after a page run into a lock on the row that it has to write, for the time of `body`. */
export async function whileRowIsHeld<T>(
  parking: ParkedRelay,
  postgres: TestPostgres,
  body: () => Promise<T>,
): Promise<T> {
  await parking.parked
  await untilCommitted(postgres, 1)
  return await postgres.db.transaction().execute(async (holder) => {
    await sql`select 1 from backfill_progress for update`.execute(holder)
    parking.letGo()
    const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    await expect.poll(async () => (await waiting.execute(postgres.db)).rows.length).toBeGreaterThan(0)
    return await body()
  })
}

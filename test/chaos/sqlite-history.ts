import { DatabaseSync } from 'node:sqlite'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { type BackfillDatabase, kyselyIndexSink, migrateToLatest } from '../../src/kysely/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { recordProgress } from '../support/checker.ts'
import type { TestKysely } from '../support/databases.ts'

/** Makes a file of SQLite that records each change of a progress row, as {@link recordProgress} does on Postgres. */
export async function recordSqliteProgress(file: string): Promise<void> {
  await (await openSqlite(file)).close()
  const db = new DatabaseSync(file)
  const record = `begin
    insert into progress_history (collection, source, epoch, page_count, cursor, imported_count, restarts, completed_at)
    values (new.collection, new.relay, new.row ->> '$.epoch', new.row ->> '$.pages', coalesce(new.row ->> '$.cursor', ''),
      new.row ->> '$.imported', new.row ->> '$.restarts', new.row ->> '$.completedAt');
  end`
  db.exec(`
    create table progress_history (
      n integer primary key, collection text, source text, epoch integer, page_count integer, cursor text,
      imported_count integer, restarts integer, completed_at integer
    );
    create trigger record_insert after insert on backfill_progress ${record};
    create trigger record_update after update on backfill_progress ${record}`)
  db.close()
}

/** What a run left in a file, in a database that the verdict can be given on; closed with it. */
export async function copyForVerdict(file: string): Promise<{ readonly db: TestKysely } & AsyncDisposable> {
  const db: TestKysely = new Kysely<BackfillDatabase>({
    dialect: new PGliteDialect({ pglite: await PGlite.create() }),
  })
  await migrateToLatest(db)
  await recordProgress(db)
  const from = new DatabaseSync(file, { readOnly: true })
  const history = JSON.stringify(from.prepare('select * from progress_history order by n').all())
  await sql`
    insert into progress_history (collection, source, epoch, page_count, cursor, imported_count, restarts, completed_at)
    select collection, source, epoch, page_count, cursor, imported_count, restarts, to_timestamp(completed_at / 1000)
    from json_to_recordset(${history}::json) as saved (n bigint, collection text, source text, epoch bigint,
      page_count bigint, cursor text, imported_count bigint, restarts int, completed_at bigint)
    order by n
  `.execute(db)
  from.close()
  const sink = kyselyIndexSink(db)
  await using store = await openSqlite(file)
  for await (const { nsid } of store.observed.collections()) {
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await store.index.listRepos(nsid, { cursor, limit: 10_000 })
      await sink.add({ relay: file, collection: nsid, dids: page.dids })
      cursor = page.cursor
    }
  }
  return { db, [Symbol.asyncDispose]: () => db.destroy() }
}

import type { Kysely, RawBuilder } from 'kysely'
import type { BackfillDatabase } from './schema.ts'

/** The tables in the transaction that is open, and their names for SQL that is written out. */
export interface FeedTables {
  readonly tables: Kysely<BackfillDatabase>
  table(name: keyof BackfillDatabase): RawBuilder<unknown>
}

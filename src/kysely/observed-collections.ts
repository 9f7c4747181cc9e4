import { type Kysely, sql } from 'kysely'
import type { CollectionSource } from '../contracts/collection-source.ts'
import { abortable } from '../util/abort.ts'
import { jsonRow, rowOf } from './json-row.ts'
import { backfillTables, type SchemaOptions } from './schema.ts'
import { statement } from './transaction.ts'

/**
 * The collections that the own index holds already: those that its live feed saw, and those of earlier runs. A run asks
 * it again at its end, so that it also walks collections that the live feed brought meanwhile.
 */
export function observedCollections<Database>(
  db: Kysely<Database>,
  options: SchemaOptions = {},
): CollectionSource {
  return {
    name: 'observed collections',
    live: true,
    async *collections({ signal } = {}) {
      signal?.throwIfAborted()
      const names = backfillTables(db, options)
        .selectFrom('collection_index_nsid')
        .select(jsonRow<{ nsid: string }>({ nsid: sql.ref('nsid') }))
        .orderBy('nsid')
      const rows = await abortable(
        statement(() => names.execute()),
        signal,
      )
      yield* rows.map(rowOf)
    },
  }
}

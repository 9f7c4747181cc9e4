import type { Kysely } from 'kysely'
import type { CollectionSource } from '../contracts/collection-source.ts'
import { abortable } from '../util/abort.ts'
import { backfillTables, type SchemaOptions } from './schema.ts'
import { statement } from './transaction.ts'

/**
 * The collections that the own index holds already: those that its live feed saw, and those of earlier runs. A run asks it
 * again at its end, so that it also walks collections that the live feed brought meanwhile.
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
        .select('nsid')
        .orderBy('nsid')
      yield* await abortable(
        statement(() => names.execute()),
        signal,
      )
    },
  }
}

import type { Compacted } from '../contracts/opened-store.ts'
import type { Merging } from './merging.ts'
import type { SqliteDatabase } from './sqlite-database.ts'

/** Merges all pairs that wait, step by step, so that others read and write meanwhile: see `OpenedStore.compact`. */
export async function compactFile(
  database: SqliteDatabase,
  merging: Merging,
  signal: AbortSignal | undefined,
): Promise<Compacted> {
  signal?.throwIfAborted()
  const before = await sizeOf(database)
  await database.transaction(({ connection }) => merging.noteAll(connection))
  for (let isDone = false; !isDone; ) {
    signal?.throwIfAborted()
    isDone = await database.transaction(({ connection }) => merging.step(connection).isDone)
  }
  const after = await sizeOf(database)
  return { pairs: after.pairs, bytesBefore: before.bytes, bytesAfter: after.bytes, dropped: 0 }
}

/** What is in use: the file keeps the room that is free, and fills it again. */
async function sizeOf(database: SqliteDatabase): Promise<{ pairs: number; bytes: number }> {
  const [sums, used, size] = await database.read((connection) => [
    connection.get('select merged + incoming as pairs from collection_index_state'),
    connection.get(
      'select page_count - freelist_count as pages from pragma_page_count, pragma_freelist_count',
    ),
    connection.get('pragma page_size'),
  ])
  return { pairs: Number(sums?.pairs), bytes: Number(used?.pages) * Number(size?.page_size) }
}

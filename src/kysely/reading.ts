import type { Compilable, Kysely } from 'kysely'
import { InvalidOptionError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import type { BackfillDatabase } from './schema.ts'
import { statement } from './transaction.ts'

/** One statement, unless the signal has aborted before it was sent; afterwards its answer is not waited for. */
export async function readOnce<T>(
  query: { execute(): Promise<T> },
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted()
  return abortable(
    statement(() => query.execute()),
    signal,
  )
}

/** Asks with these parameters, in the order in which they stand in the statement. */
export type Asking<Row> = (parameters: readonly unknown[], signal: AbortSignal | undefined) => Promise<Row[]>

/** A query of which the words are put together once: each time, that takes a tenth of a page, or half of a look. */
export function asking<Row>(db: Kysely<BackfillDatabase>, query: Compilable<Row>): Asking<Row> {
  const compiled = query.compile()
  return async (parameters, signal) => {
    const execute = () => db.executeQuery({ ...compiled, parameters })
    return (await readOnce({ execute }, signal)).rows as Row[]
  }
}

/** A cursor is a name that the index gave; no text of Postgres holds a NUL. */
export function storable(cursor: string | undefined = ''): string {
  if (typeof cursor === 'string' && !cursor.includes('\0')) return cursor
  throw new InvalidOptionError('cursor', 'the cursor of the page before', cursor)
}

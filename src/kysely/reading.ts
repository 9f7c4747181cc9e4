import { InvalidOptionError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
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

/** A cursor is a name that the index gave; no text of Postgres holds a NUL. */
export function storable(cursor: string | undefined = ''): string {
  if (typeof cursor === 'string' && !cursor.includes('\0')) return cursor
  throw new InvalidOptionError('cursor', 'the cursor of the page before', cursor)
}

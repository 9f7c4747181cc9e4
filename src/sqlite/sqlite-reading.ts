import type { IndexPageRequest } from '../contracts/repo-index.ts'
import { InvalidOptionError } from '../errors.ts'
import type { SqliteDatabase } from './sqlite-database.ts'
import type { Connection } from './sqlite-driver.ts'

/** A read is over before another can abort it; what it gave is dropped when the wait for it was too long. */
export async function readCommitted<T>(
  database: SqliteDatabase,
  signal: AbortSignal | undefined,
  body: (connection: Connection) => T,
): Promise<T> {
  signal?.throwIfAborted()
  const result = await database.read(body)
  signal?.throwIfAborted()
  return result
}

/** A cursor is a name that the index gave. @throws InvalidOptionError */
export function textCursor({ cursor = '' }: IndexPageRequest): string {
  if (typeof cursor === 'string') return cursor
  throw new InvalidOptionError('cursor', 'the cursor of the page before', cursor)
}

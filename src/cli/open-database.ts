import type { OpenedStore } from '../contracts/opened-store.ts'
import { BackfillError, isBackfillError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import { describe } from '../util/describe.ts'
import { duration } from '../util/format.ts'
import { MissingTables } from '../util/missing-tables.ts'
import { retrying, STORE_PATIENCE } from '../util/retry.ts'
import { printable } from '../util/text.ts'
import type { Context } from './context.ts'
import { type Database, exists, whatIsMissing } from './database.ts'

export interface OpenDatabaseOptions {
  /** How many collections are walked at once, where that was asked for. */
  readonly walks?: number | undefined
  /** Whether a Postgres that cannot be reached is waited for too: it may start later than a service. @default false */
  readonly waits?: boolean | undefined
}

/**
 * Opens the database, migrated; what is not there is created. A file whose disk is full, or that another process keeps
 * busy, is waited for, and that is told.
 */
export async function openDatabase(
  database: Database,
  { interruption: { signal }, err }: Pick<Context, 'interruption' | 'err'>,
  { walks, waits = false }: OpenDatabaseOptions = {},
): Promise<OpenedStore> {
  return await retrying(() => abortable(open(database, { creates: true, walks }), signal), {
    ...STORE_PATIENCE,
    signal,
    mayRetry: (error) => (waits || database.kind === 'sqlite') && isBackfillError(error, 'STORE_UNAVAILABLE'),
    onRetry: ({ error, waitMs }) =>
      err.write(
        `! ${printable(describe(error).replace(/\.$/, ''))}. Trying again in ${duration(waitMs)}; Ctrl-C stops.\n`,
      ),
  })
}

/**
 * Opens the database of an earlier run, and creates nothing, so that a misspelt name is noticed. Tables that are up to
 * date are only read: a user with SELECT alone will do.
 *
 * @throws BackfillError when there is no backfill
 */
export async function openExisting(
  database: Database,
  options: { signal: AbortSignal },
): Promise<OpenedStore> {
  const store = await findExisting(database, options)
  if (store === undefined) throw new BackfillError('STORE_NOT_OPENED', whatIsMissing(database))
  return store
}

/** As {@link openExisting}. @returns undefined when there is no backfill: {@link whatIsMissing} says so */
export async function findExisting(
  database: Database,
  { signal }: { signal: AbortSignal },
): Promise<OpenedStore | undefined> {
  if (!exists(database)) return undefined
  try {
    return await abortable(open(database, { creates: false }), signal)
  } catch (error) {
    if (error instanceof MissingTables) return undefined
    throw error
  }
}

interface Opening {
  /** Whether tables are created where there are none. */
  readonly creates: boolean
  readonly walks?: number | undefined
}

/** Only the code of the database that is opened is loaded. */
async function open(database: Database, { creates, walks }: Opening): Promise<OpenedStore> {
  if (database.kind === 'sqlite') {
    const { openExistingSqlite, openSqlite } = await import('../sqlite/open-sqlite.ts')
    return creates ? openSqlite(database.file) : openExistingSqlite(database.file)
  }
  const { openExistingPostgres, openPostgres } = await import('../postgres/open-postgres.ts')
  // A connection for each page that is committed, and one more for renewals.
  const options = { schema: database.schema, max: walks === undefined ? undefined : walks + 1 }
  return creates ? openPostgres(database.url, options) : openExistingPostgres(database.url, options)
}

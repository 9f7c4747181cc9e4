import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BackfillError } from '../errors.ts'
import { MissingTables } from '../kysely/missing-tables.ts'
import type { OpenStore } from '../kysely/open-store.ts'
import { openExistingPostgres, openPostgres } from '../postgres/open-postgres.ts'
import { abortable } from '../util/abort.ts'
import { installed } from '../util/installed.ts'

/** Where the index and the progress are: a Postgres, or a folder with PGlite in it. */
export type Database = (
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'pglite'; readonly folder: string }
) & { readonly schema: string | undefined }

/** In the working directory, and seen there: it holds what the user wants to have. */
export const DEFAULT_FOLDER = './collection-backfill-data'

/** As people are told of it: without password. */
export function nameOf(database: Database): string {
  if (database.kind === 'pglite') return `${database.folder} (PGlite)`
  const { protocol, host, pathname } = URL.canParse(database.url)
    ? new URL(database.url)
    : { protocol: 'postgres:', host: '', pathname: '' }
  return `${protocol}//${host}${pathname}`
}

/** Whether there is something to open, without making it. A Postgres is taken to be there. */
export function exists(database: Database): boolean {
  return database.kind === 'postgres' || existsSync(join(database.folder, 'PG_VERSION'))
}

/**
 * Opens the database, migrated; what is not there is created. Only the package that it needs is loaded.
 *
 * @param walks how many collections are walked at once, where that was asked for
 */
export async function openDatabase(
  database: Database,
  { signal, walks }: { signal: AbortSignal; walks?: number | undefined },
): Promise<OpenStore> {
  return await abortable(open(database, { creates: true, walks }), signal)
}

/**
 * Opens the database of an earlier run, and creates nothing, so that a misspelt name is noticed. Tables that are up to
 * date are only read: a user with SELECT alone will do.
 *
 * @throws BackfillError when there is no backfill
 */
export async function openExisting(database: Database, options: { signal: AbortSignal }): Promise<OpenStore> {
  const store = await findExisting(database, options)
  if (store === undefined) throw new BackfillError('STORE_NOT_OPENED', whatIsMissing(database))
  return store
}

/** As {@link openExisting}. @returns undefined when there is no backfill: {@link whatIsMissing} says so */
export async function findExisting(
  database: Database,
  { signal }: { signal: AbortSignal },
): Promise<OpenStore | undefined> {
  if (!exists(database)) return undefined
  try {
    return await abortable(open(database, { creates: false }), signal)
  } catch (error) {
    if (error instanceof MissingTables) return undefined
    throw error
  }
}

/** What there is not, and what to do. */
export function whatIsMissing(database: Database): string {
  const place = nameOf(database)
  if (!exists(database))
    return `There is no database in ${place} yet: name the one of your run with --data or --database.`
  const where = database.schema === undefined ? place : `${place} in the schema ${database.schema}`
  return `There is no backfill in ${where}: check --database, --data and --schema, or begin with the command run.`
}

interface Opening {
  /** Whether tables are created where there are none. */
  readonly creates: boolean
  readonly walks?: number | undefined
}

async function open(database: Database, { creates, walks }: Opening): Promise<OpenStore> {
  const { schema } = database
  if (database.kind === 'pglite') {
    const user = 'Without --database postgres://user:password@host/database, this program'
    const { openPGlite, openExistingPGlite } = await installed(
      user,
      ['@electric-sql/pglite', 'kysely'],
      () => import('../pglite/open-pglite.ts'),
    )
    return creates ? openPGlite(database.folder, { schema }) : openExistingPGlite(database.folder, { schema })
  }
  // A connection for each page that is committed, and one more for renewals.
  const options = { schema, max: walks === undefined ? undefined : walks + 1 }
  return creates ? openPostgres(database.url, options) : openExistingPostgres(database.url, options)
}

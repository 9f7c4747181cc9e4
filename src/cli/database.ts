import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BackfillError } from '../errors.ts'
import type { OpenStore } from '../kysely/open-store.ts'
import { openPostgres } from '../postgres/index.ts'
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
 * Opens the database, migrated. Only the package that it needs is loaded.
 *
 * @param walks how many collections are walked at once, where that was asked for
 */
export async function openDatabase(
  database: Database,
  { signal, walks }: { signal: AbortSignal; walks?: number | undefined },
): Promise<OpenStore> {
  return await abortable(open(database, walks), signal)
}

/** @throws BackfillError when there is none: whoever asks for its state must not get a new one */
export async function openExisting(database: Database, options: { signal: AbortSignal }): Promise<OpenStore> {
  if (exists(database)) return openDatabase(database, options)
  throw new BackfillError(
    'STORE_NOT_OPENED',
    `There is no database in ${nameOf(database)} yet: name the one of your run with --data or --database.`,
  )
}

async function open(database: Database, walks: number | undefined): Promise<OpenStore> {
  const { schema } = database
  if (database.kind === 'pglite') {
    const user = 'Without --database postgres://user:password@host/database, this program'
    const { openPGlite } = await installed(
      user,
      ['@electric-sql/pglite', 'kysely'],
      () => import('../pglite/index.ts'),
    )
    return openPGlite(database.folder, { schema })
  }
  // A connection for each page that is committed, and one more for renewals.
  return openPostgres(database.url, { schema, max: walks === undefined ? undefined : walks + 1 })
}

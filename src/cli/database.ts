import { existsSync } from 'node:fs'
import { withoutPassword } from '../postgres/connection-url.ts'

/** Where the index and the progress are: a Postgres, or a file of SQLite. */
export type Database =
  | { readonly kind: 'postgres'; readonly url: string; readonly schema: string | undefined }
  | { readonly kind: 'sqlite'; readonly file: string }

/** In the working directory, and seen there: it holds what the user wants to have. */
export const DEFAULT_FILE = './collection-backfill.sqlite'

/** As people are told of it: without password. */
export function nameOf(database: Database): string {
  return database.kind === 'sqlite' ? database.file : withoutPassword(database.url)
}

/** Whether there is something to open, without making it. A Postgres is taken to be there. */
export function exists(database: Database): boolean {
  return database.kind === 'postgres' || existsSync(database.file)
}

/** What there is not, and what to do. */
export function whatIsMissing(database: Database): string {
  const place = nameOf(database)
  if (!exists(database))
    return `There is no database in ${place} yet: name the one of your run with --data or --database.`
  const schema = database.kind === 'postgres' ? database.schema : undefined
  const where = schema === undefined ? place : `${place} in the schema ${schema}`
  return `There is no backfill in ${where}: check --database, --data and --schema, or begin with the command run.`
}

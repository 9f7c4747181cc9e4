import { BackfillError } from '../errors.ts'
import { describe } from '../util/describe.ts'

/** The tables are missing or older than this version; the message names the migration to run. */
export class NotMigratedError extends BackfillError {
  override readonly name = 'NotMigratedError'
  declare readonly code: 'NOT_MIGRATED'

  constructor(cause: unknown) {
    const message =
      `The backfill's tables are missing or out of date (${describe(cause)}). Run \`await migrateToLatest(db)\` ` +
      "from 'atproto-collection-backfill/kysely' once before the run, with the same `schema`."
    super('NOT_MIGRATED', message, { cause, scope: 'run' })
  }
}

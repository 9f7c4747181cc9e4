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

/** There is no index by DID, or it is not finished; without it, the answer would take a look at every pair. */
export class NotIndexedError extends BackfillError {
  override readonly name = 'NotIndexedError'
  declare readonly code: 'NOT_INDEXED'

  constructor() {
    const message =
      'The index by DID is missing or not finished. Run `await createDidIndex(db)` from ' +
      "'atproto-collection-backfill/kysely' once, after the import, with the same `schema`."
    super('NOT_INDEXED', message)
  }
}

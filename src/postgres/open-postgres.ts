import type { PostgresPool } from 'kysely'
import { BackfillError, InvalidOptionError, StoreUnavailableError } from '../errors.ts'
import { isAccessRefused } from '../kysely/database-errors.ts'
import type { OpenStore } from '../kysely/open-store.ts'
import type { SchemaOptions } from '../kysely/schema.ts'
import { describe } from '../util/describe.ts'
import { installed } from '../util/installed.ts'
import { type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import { isPostgresUrl, withoutPassword } from './connection-url.ts'
import type { ServerLimits } from './limited-client.ts'
import { tlsAdvice } from './tls-advice.ts'

/** How `openPostgres` connects, and where the tables are. */
export interface PostgresOptions extends SchemaOptions {
  /**
   * The most connections at once. Each collection that is read holds one while its page commits, and one more serves
   * renewals, so with `concurrency + 1` no worker waits; a server allows 100 by default, for all its clients.
   *
   * @default 10
   */
  max?: number | undefined
  /** What the server's own list of sessions calls these connections. @default 'atproto-collection-backfill' */
  applicationName?: string | undefined
}

const OPTIONS: OptionNames<PostgresOptions> = { schema: true, max: true, applicationName: true }

const MAX_CONNECTIONS = 10
const APPLICATION_NAME = 'atproto-collection-backfill'

/**
 * Opens a Postgres database for a backfill and migrates it. On tables that are migrated a user who may only read them,
 * a read-only session and a hot standby will do to read and to serve; a run needs to write.
 *
 * With a URL, `postgres://user:password@host:5432/database` as in the variable DATABASE_URL, it opens a pool of its own
 * with the settings that hours of work need. The server's limits (`statement_timeout` 30 s, `lock_timeout` 20 s,
 * `idle_in_transaction_session_timeout` 10 s, or what the URL says of them) are set for each session, and behind a pooler
 * such as PgBouncer for each transaction, where a statement that stands alone gets one of its own. Needs the packages
 * `kysely` and `pg`.
 *
 * With a pool of your own, which is never closed here: its settings stay as you made them, so give it timeouts
 * (`statement_timeout`, `query_timeout`, `lock_timeout`, `idle_in_transaction_session_timeout`), `keepAlive`, a
 * listener for its event `error`, and a connection for each collection at once and one more. Needs `kysely`.
 *
 * @throws InvalidOptionError when the url cannot be read, or an option cannot be used
 * @throws StoreUnavailableError when the database cannot be used at the moment, or not with the TLS that the URL asks
 * for; nothing stays open
 * @throws BackfillError with the code `STORE_NOT_OPENED` when it refuses the user, the password or the database's name,
 * with the code `STORE_NOT_PERMITTED` when the user may not create the tables, with the code `NOT_INSTALLED` when a
 * package is missing; otherwise the database's own error
 */
export async function openPostgres(url: string | undefined, options?: PostgresOptions): Promise<OpenStore>
export async function openPostgres(pool: PostgresPool, options?: SchemaOptions): Promise<OpenStore>
export async function openPostgres(
  urlOrPool: string | PostgresPool | undefined,
  options: PostgresOptions = {},
): Promise<OpenStore> {
  return open(urlOrPool, options, { creates: true })
}

/** As {@link openPostgres}, but creates no tables. @throws MissingTables when there are none */
export async function openExistingPostgres(url: string, options: PostgresOptions): Promise<OpenStore> {
  return open(url, options, { creates: false })
}

async function open(
  urlOrPool: string | PostgresPool | undefined,
  options: PostgresOptions,
  { creates }: { creates: boolean },
): Promise<OpenStore> {
  refuseUnknown(options, OPTIONS)
  const isGiven = isPool(urlOrPool)
  const connections = isGiven ? { pool: givenPool(urlOrPool, options) } : await ownPool(urlOrPool, options)
  const { openOnPool } = await installed('openPostgres', ['kysely'], () => import('./open-on-pool.ts'))
  try {
    return await openOnPool(connections.pool, {
      schema: options.schema,
      creates,
      endsPool: !isGiven,
      limits: connections.limits,
    })
  } catch (error) {
    throw explained(error, isGiven ? '' : ` ${withoutPassword(urlOrPool ?? '')}`)
  }
}

interface Connections {
  readonly pool: PostgresPool
  readonly limits?: ServerLimits
}

/** A single client has no pool's `options`, and cannot be shared by several collections. */
function isPool(value: unknown): value is PostgresPool {
  const pool = value as Partial<PostgresPool> | null | undefined
  return typeof pool === 'object' && typeof pool?.connect === 'function' && typeof pool.options === 'object'
}

function givenPool(pool: PostgresPool, options: PostgresOptions): PostgresPool {
  for (const option of ['max', 'applicationName'] as const) {
    if (options[option] !== undefined)
      throw new InvalidOptionError(option, 'set on the pool that is given', options[option])
  }
  return pool
}

async function ownPool(url: string | undefined, options: PostgresOptions): Promise<Connections> {
  if (!isPostgresUrl(url)) {
    // Of anything else only the kind is shown: a client holds a password.
    const given = typeof url === 'string' ? withoutPassword(url) : url && typeof url
    const expected = "a URL such as 'postgres://user:password@host:5432/database', or a pg.Pool"
    throw new InvalidOptionError('url', expected, given)
  }
  const { max = MAX_CONNECTIONS, applicationName = APPLICATION_NAME } = options
  wholeNumber('max', max, 1)
  const { createPool } = await installed('openPostgres', ['pg', 'kysely'], () => import('./own-pool.ts'))
  return createPool(url, { max, applicationName })
}

/** Says what to look at when the database does not open. */
function explained(error: unknown, database: string): unknown {
  const isUnavailable = error instanceof StoreUnavailableError
  if (!isUnavailable && !isAccessRefused(error)) return error
  const cause = isUnavailable ? error.cause : error
  const advice = tlsAdvice(cause)
  const message =
    `Cannot open the database${database}: ${describe(cause)}. ` +
    (advice ??
      'Check that the server runs there and that the user, the password and the name of the database are right.')
  return isUnavailable || advice !== undefined
    ? new StoreUnavailableError(message, cause)
    : new BackfillError('STORE_NOT_OPENED', message, { cause })
}

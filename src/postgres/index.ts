/**
 * Opens a Postgres database for a backfill, with the settings that hours of work need. Needs `kysely` and `pg`.
 *
 * @module atproto-collection-backfill/postgres
 */
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { BackfillError, describe, InvalidOptionError, StoreUnavailableError } from '../errors.ts'
import { type OpenStore, openStore } from '../kysely/open-store.ts'
import type { BackfillDatabase, SchemaOptions } from '../kysely/schema.ts'
import { wholeNumber } from '../util/validate-options.ts'

export type { OpenStore } from '../kysely/open-store.ts'

export interface PostgresOptions extends SchemaOptions {
  /**
   * The most connections at once. Each collection that is walked holds one while its page commits, and one more serves
   * renewals, so `concurrency + 1` lets nobody wait; a server allows 100 by default, for everybody.
   *
   * @default 10
   */
  max?: number | undefined
  /** What the server's own list of sessions calls these connections. @default 'atproto-collection-backfill' */
  applicationName?: string | undefined
}

const MAX_CONNECTIONS = 10
const APPLICATION_NAME = 'atproto-collection-backfill'

/** For a new connection, and for a free one when all are in use. A server that starts takes seconds. */
const CONNECT_TIMEOUT_MS = 15_000

/** Idle connections say a word now and then, so that a gateway between does not forget them and their loss is noticed. */
const KEEP_ALIVE_AFTER_MS = 10_000

/** A worker that was stopped in mid-transaction keeps others from its row for no longer than this. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000

/** Longer than a stopped worker's transaction may last, so that whoever waits for its row gets it. */
const LOCK_TIMEOUT_MS = 20_000

/** A page of 10,000 takes well under a second; only a server in trouble takes this long. */
const STATEMENT_TIMEOUT_MS = 30_000

/** Longer than the server's own limit, so that it only ends what the server cannot answer: the network is gone. */
const QUERY_TIMEOUT_MS = 40_000

/**
 * Opens a Postgres database for a backfill: a pool with the settings that hours of work need, migrated.
 *
 * The timeouts are sent when a connection begins; a pooler such as PgBouncer has to be told to let them pass
 * (`ignore_startup_parameters`). With a pool of your own, use `atproto-collection-backfill/kysely`.
 *
 * @param url `postgres://user:password@host:5432/database`, as in the variable DATABASE_URL
 * @throws InvalidOptionError when the url is none
 * @throws BackfillError with the code `STORE_UNAVAILABLE` when the database cannot be opened; nothing stays open
 */
export async function openPostgres(
  url: string | undefined,
  options: PostgresOptions = {},
): Promise<OpenStore> {
  if (typeof url !== 'string' || !/^postgres(ql)?:\/\//.test(url)) {
    throw new InvalidOptionError(
      'url',
      "a URL such as 'postgres://user:password@host:5432/database'",
      withoutPassword(url),
    )
  }
  const { max = MAX_CONNECTIONS, applicationName = APPLICATION_NAME, schema } = options
  wholeNumber('max', max, 1)
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    // Closed over a network that is gone, a connection would keep the process from its end for as long as TCP tries.
    allowExitOnIdle: true,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  })
  // A connection that breaks is replaced by the pool, and a query on it rejects. It is an event besides, of the pool
  // when it was idle and of the client when it was lent, and without a listener that would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<BackfillDatabase>({ dialect: new PostgresDialect({ pool: lendingFrom(pool) }) })
  try {
    return await openStore(db, { schema })
  } catch (error) {
    throw explain(error, url)
  }
}

/**
 * The pool, except that a connection on which every later query would fail too is closed and not lent again. One on which
 * a query ran out of time: its answer may still come, or the network is gone. And one that is read-only: a session that
 * began while its server was read-only stays so, and renewals alone would keep it in use for ever.
 */
function lendingFrom(pool: pg.Pool): PostgresPool {
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect()
      let dead = false
      const query = async (sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult> => {
        try {
          return await client.query(sql, [...parameters])
        } catch (error) {
          dead ||= isLasting(error)
          throw error
        }
      }
      const release = (destroy = false) => client.release(destroy || dead)
      return { query, release } as unknown as PostgresPoolClient
    },
  }
}

function isLasting(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.code === '25006'
  return error instanceof Error && error.message === 'Query read timeout'
}

/** What to look at when the database does not open. The url's password stays out of it. */
function explain(error: unknown, url: string): unknown {
  const unavailable = error instanceof StoreUnavailableError
  if (!unavailable && !isRefusal(error)) return error
  const cause = unavailable ? error.cause : error
  const message =
    `Cannot open the database ${withoutPassword(url)}: ${describe(cause)}. ` +
    'Check that the server runs there and that the user, the password and the name of the database in the url are right.'
  return unavailable
    ? new StoreUnavailableError(message, cause)
    : new BackfillError('STORE_UNAVAILABLE', message, { cause, retryable: false })
}

/** Class 28: the user or the password is wrong. 3D000: there is no such database. 42501: the user may not. */
function isRefusal(error: unknown): boolean {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
  return code.startsWith('28') || code === '3D000' || code === '42501'
}

function withoutPassword(url: unknown): unknown {
  return typeof url === 'string' ? url.replace(/^([a-z]+:\/\/)?.*@/, '$1').replace(/\?.*/, '') : url
}

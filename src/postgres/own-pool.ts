import pg from 'pg'
import { InvalidOptionError } from '../errors.ts'
import { describe } from '../util/describe.ts'
import { withoutPassword } from './connection-url.ts'

/** For a new connection, and for a free one when all are in use. A server that starts takes seconds. */
const CONNECT_TIMEOUT_MS = 15_000

/** An idle connection sends a probe now and then, so that no gateway forgets it and its loss is noticed. */
const KEEP_ALIVE_AFTER_MS = 10_000

/** A worker that was stopped in mid-transaction keeps others from its row for no longer than this. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000

/** Longer than a stopped worker's transaction may last, so that a statement that waits for its row gets it. */
const LOCK_TIMEOUT_MS = 20_000

/** A page of 10,000 takes well under a second; only a server in trouble takes this long. */
const STATEMENT_TIMEOUT_MS = 30_000

/** Longer than the server's own limit, so that it only ends what the server cannot answer: the network is gone. */
const QUERY_TIMEOUT_MS = 40_000

/** A pool with the settings that hours of work need. @throws InvalidOptionError when pg cannot read the url */
export function createPool(
  url: string,
  { max, applicationName }: { max: number; applicationName: string },
): pg.Pool {
  requireReadable(url)
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
  // An idle connection that breaks is replaced by the pool. Without a listener, the event would end the process.
  pool.on('error', () => {})
  return pool
}

/** A pool reads its url with each connection; one connection that is never opened reads it now. */
function requireReadable(url: string): void {
  try {
    new pg.Client({ connectionString: url })
  } catch (error) {
    throw new InvalidOptionError('url', `a URL that pg can read (${describe(error)})`, withoutPassword(url))
  }
}

import pg from 'pg'
import { InvalidOptionError } from '../errors.ts'
import type { ServerLimits } from './limited-client.ts'
import { requireReadable } from './readable-url.ts'

/** For a new connection, and for a free one when all are in use. A server that starts takes seconds. */
const CONNECT_TIMEOUT_MS = 15_000

/** An idle connection sends a probe now and then, so that no gateway forgets it and its loss is noticed. */
const KEEP_ALIVE_AFTER_MS = 10_000

const LIMITS: ServerLimits = {
  /** A page of 10,000 takes well under a second; only a server in trouble takes this long. */
  statement_timeout: 30_000,
  /** Longer than a stopped worker's transaction may last, so that a statement that waits for its row gets it. */
  lock_timeout: 20_000,
  /** A worker that was stopped in mid-transaction keeps others from its row for no longer than this. */
  idle_in_transaction_session_timeout: 10_000,
}

/** Longer than the server's own limit, so that it only ends what the server cannot answer: the network is gone. */
const QUERY_TIMEOUT_MS = 40_000

interface OwnPool {
  readonly pool: pg.Pool
  readonly limits: ServerLimits
}

/**
 * A pool with the settings that hours of work need, and the limits for what it is asked. It sends nothing when a session
 * begins that a pooler between it and the server would not know.
 *
 * @throws InvalidOptionError when the url cannot be read
 */
export function createPool(
  url: string,
  { max, applicationName }: { max: number; applicationName: string },
): OwnPool {
  requireReadable(url)
  const { connectionString, limits } = takeLimits(url)
  const pool = new pg.Pool({
    connectionString,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    // Closed over a network that is gone, a connection would keep the process from its end for as long as TCP tries.
    allowExitOnIdle: true,
    query_timeout: QUERY_TIMEOUT_MS,
    // Versions before 8.23 do not know it and send one statement after the other.
    pipeline: true,
  })
  // An idle connection that breaks is replaced by the pool. Without a listener, the event would end the process.
  pool.on('error', () => {})
  return { pool, limits }
}

/** The limits, as the url names them or as above, and the url without them: pg would ask for them to begin with. */
function takeLimits(url: string): { connectionString: string; limits: ServerLimits } {
  const limits = { ...LIMITS }
  const names = Object.keys(LIMITS).join('|')
  const connectionString = url.replace(
    new RegExp(`(?<=[?&])(${names})=([^&#]*)&?`, 'g'),
    (_, name, value) => {
      if (!/^\d+$/.test(value))
        throw new InvalidOptionError('url', `a URL whose ${name} is a number of milliseconds`, value)
      Object.assign(limits, { [name]: Number(value) })
      return ''
    },
  )
  return { connectionString, limits }
}

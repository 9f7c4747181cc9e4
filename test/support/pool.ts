import pg from 'pg'

/**
 * A pool of the test's own. Its end does not wait for its connections, and one that the server then ends first, as with the
 * database that is dropped, is an event, idle or lent: it would end the process when nobody listens.
 */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

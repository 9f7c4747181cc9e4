import type pg from 'pg'
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts'

/** A server as a user would have it: what is committed is on the disk. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '512MB',
  // Large enough that checkpoints do not dominate.
  max_wal_size: '8GB',
} as const

/** Its version and settings, for the reader of the results. */
export async function serverText(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ server_version: string }>('show server_version')
  const settings = Object.entries(SETTINGS).map(([name, value]) => `${name} ${value}`)
  return `Postgres ${rows[0]?.server_version}: ${settings.join(', ')}.`
}

export function startBenchServer(): Promise<PostgresServer> {
  return startPostgresServer(SETTINGS)
}

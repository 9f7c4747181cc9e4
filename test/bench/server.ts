import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts'

/** A server as a user would have it: what is committed is on the disk. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '512MB',
  // Large enough that checkpoints do not dominate.
  max_wal_size: '8GB',
} as const

/** The settings, for the reader of the results. */
export const SERVER_SETTINGS: string = Object.entries(SETTINGS)
  .map(([name, value]) => `${name} ${value}`)
  .join(', ')

export function startBenchServer(): Promise<PostgresServer> {
  return startPostgresServer(SETTINGS)
}

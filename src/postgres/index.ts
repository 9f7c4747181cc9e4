/**
 * Opens a Postgres database for a backfill, with the settings that hours of work need. Needs `kysely` and `pg`.
 *
 * @module atproto-collection-backfill/postgres
 */
export type { OpenStore } from '../kysely/open-store.ts'
export { openPostgres, type PostgresOptions } from './open-postgres.ts'

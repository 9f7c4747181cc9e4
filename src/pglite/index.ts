/**
 * Opens PGlite, a Postgres inside this process, for a backfill. Needs `kysely` and `@electric-sql/pglite`.
 *
 * @module atproto-collection-backfill/pglite
 */
export type { OpenStore } from '../kysely/open-store.ts'
export { openPGlite, type PGliteOptions } from './open-pglite.ts'

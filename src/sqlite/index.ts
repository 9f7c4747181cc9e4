/**
 * Opens an index in a file of SQLite, by what the runtime brings: `node:sqlite` or `bun:sqlite`. Needs no other package.
 *
 * @module atproto-collection-backfill/sqlite
 */
export type { CollectionIndex, OpenedStore, RepoCollections } from '../contracts/opened-store.ts'
export { NotIndexedError } from '../util/not-indexed-error.ts'
export { openSqlite, type SqliteOptions, type SqliteStore } from './open-sqlite.ts'

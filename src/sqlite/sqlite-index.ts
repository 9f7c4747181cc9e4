import type { CollectionSource } from '../contracts/collection-source.ts'
import type { CollectionIndex, RepoCollections } from '../contracts/opened-store.ts'
import type { IndexedCollections, IndexedRepos, IndexPageRequest } from '../contracts/repo-index.ts'
import { NotIndexedError } from '../util/not-indexed-error.ts'
import { pageLimit } from '../util/page-limit.ts'
import { wholeNumber } from '../util/validate-options.ts'
import { type DidKey, didOfKey, keyOfDid } from './did-key.ts'
import type { SqliteDatabase } from './sqlite-database.ts'
import type { Connection } from './sqlite-driver.ts'
import { FIND, isIn, PAIRS, removePair, removeRepo } from './sqlite-pairs.ts'
import { readCommitted, textCursor } from './sqlite-reading.ts'
import { listRepos, listReposJson } from './sqlite-repo-pages.ts'

/**
 * The index in a file of SQLite. A page is answered from the pairs that are merged and those that are not, each along its
 * primary key, in the same time wherever it is in the list: its cursor is its last DID. Sizes are kept with each write,
 * so `listCollections` tells them exactly and `countRepos` does not count.
 */
export function sqliteIndex(database: SqliteDatabase): CollectionIndex {
  return {
    listRepos: (collection, request = {}) => listRepos(database, collection, request),
    listReposJson: (collection, request = {}) => listReposJson(database, collection, request),
    listAllRepos: (request = {}) => listAllRepos(database, request),
    listCollections: (request = {}) => listCollections(database, request),
    async countRepos(collection, { signal } = {}) {
      const found = await readCommitted(database, signal, (connection) => connection.get(SIZE, collection))
      return Number(found?.repos ?? 0)
    },
    collectionsOf: (did, request = {}) => collectionsOf(database, did, request),
    async has(collection, did, { signal } = {}) {
      const key = keyOfDid(did)
      return (
        (await readCommitted(database, signal, (connection) => connection.get(HAS, collection, key))) !==
        undefined
      )
    },
    async remove(collection, dids, { signal } = {}) {
      signal?.throwIfAborted()
      const keys = (typeof dids === 'string' ? [dids] : [...dids]).map(keyOfDid)
      if (keys.length === 0) return { removed: 0 }
      return database.transaction(({ connection }) => {
        const id = connection.get(FIND, collection)?.id
        if (id === undefined) return { removed: 0 }
        return { removed: sum(keys.map((key) => removePair(connection, Number(id), key))) }
      })
    },
    async removeRepo(did, { signal } = {}) {
      signal?.throwIfAborted()
      const key = keyOfDid(did)
      return database.transaction(({ connection }) => {
        return { removed: removeRepo(connection, key) }
      })
    },
  }
}

/** The collections that the index holds already. A run asks it again at its end. */
export function sqliteObserved(database: SqliteDatabase): CollectionSource {
  return {
    name: 'observed collections',
    live: true,
    async *collections({ signal } = {}) {
      const rows = await readCommitted(database, signal, (connection) => connection.all(NAMES))
      for (const { nsid } of rows) yield { nsid: String(nsid) }
    },
  }
}

async function listAllRepos(database: SqliteDatabase, request: IndexPageRequest): Promise<IndexedRepos> {
  const limit = pageLimit(request)
  const after = keyOfDid(textCursor(request))
  const rows = await readCommitted(database, request.signal, (connection) => {
    mustHaveDidIndex(connection)
    return connection.all(ALL_REPOS, after, limit + 1)
  })
  const dids = rows.slice(0, limit).map(({ did }) => didOfKey(did as DidKey))
  return rows.length > limit ? { dids, cursor: dids.at(-1) } : { dids }
}

function mustHaveDidIndex(connection: Connection): void {
  if (connection.get(IS_INDEXED) === undefined)
    throw new NotIndexedError('Run `await store.createDidIndex()` once, after the import.')
}

async function listCollections(
  database: SqliteDatabase,
  request: IndexPageRequest,
): Promise<IndexedCollections> {
  const limit = pageLimit(request)
  const after = textCursor(request)
  const rows = await readCommitted(database, request.signal, (connection) =>
    connection.all(COLLECTIONS, after, limit + 1),
  )
  const collections = rows
    .slice(0, limit)
    .map(({ nsid, repos }) => ({ nsid: String(nsid), estimatedRepos: Number(repos) }))
  return rows.length > limit ? { collections, cursor: collections.at(-1)?.nsid } : { collections }
}

/** In the order of the collections' numbers, as the index by DID has them. */
async function collectionsOf(
  database: SqliteDatabase,
  did: string,
  request: IndexPageRequest,
): Promise<RepoCollections> {
  const limit = pageLimit(request)
  const after = wholeNumber('cursor', Number(request.cursor ?? '0'), 0)
  const key = keyOfDid(did)
  const rows = await readCommitted(database, request.signal, (connection) => {
    mustHaveDidIndex(connection)
    return connection.all(COLLECTIONS_OF, key, after, limit + 1)
  })
  const collections = rows.slice(0, limit).map(({ nsid }) => String(nsid))
  return rows.length > limit ? { collections, cursor: String(rows[limit - 1]?.id) } : { collections }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

const SIZE = 'select repos from collection_index_nsid where nsid = ?1'
const NAMES = 'select nsid from collection_index_nsid order by nsid'
const COLLECTIONS =
  'select nsid, repos from collection_index_nsid where nsid > ?1 and repos > 0 order by nsid limit ?2'
const HAS = PAIRS.map((table) => `select 1 from ${table} where collection_id = (${FIND}) and did = ?2`).join(
  ' union all ',
)
/** What is not merged yet is not in the index by DID; it is looked through, which takes some tens of milliseconds. */
const ALL_REPOS = `
  select did from (select distinct did from collection_index_by_did where did > ?1 order by did limit ?2)
  union select did from collection_index_incoming where did > ?1 order by did limit ?2`
const IS_INDEXED = "select 1 from collection_index_state where did_index = 'finished'"
/** What is not merged yet is not in the index by DID: there, a look at each collection takes a millisecond or two. */
const COLLECTIONS_OF = `
  select id, nsid from collection_index_nsid where id in (
    select collection_id from collection_index_by_did where did = ?1 and collection_id > ?2
    union all
    select id from collection_index_nsid known where id > ?2 and incoming > 0 and ${isIn('collection_index_incoming')}
  ) order by id limit ?3`

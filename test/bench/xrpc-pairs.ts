import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import type { OpenedStore } from '../../src/contracts/opened-store.ts'
import type { RepoLister } from '../../src/contracts/repo-lister.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { didOf, mix } from '../../src/testing/dids.ts'
import { type CollectionDir, fillCollectionDir } from './collectiondir.ts'
import { PAGE } from './xrpc-load.ts'

/** The collection that one client walks, and the one whose pages many ask for. */
export const WALKED = 'com.example.bench.walked'
export const MANY = 'com.example.bench.many'

/** How a run writes beside the readers: as many walks at once as by default, and as long for a page as in the network. */
export const WALKS = 6
export const WRITE_LATENCY_MS = 140

/** A table as one would make it by hand, beside the file of the library. */
export const bareFile = (file: string): string => `${file}.bare`

export interface Places {
  /** Of a Postgres server. */
  readonly url: string
  /** Of SQLite. */
  readonly file: string
  readonly collectionDir: CollectionDir | undefined
}

/** How many repos are in each of the two collections. */
export interface Sizes {
  readonly walked: number
  readonly many: number
}

/** The same pairs everywhere, as a run leaves them. */
export async function fillAll(sizes: Sizes, { url, file, collectionDir }: Places): Promise<void> {
  await using postgres = await openPostgres(url)
  await using sqlite = await openSqlite(file)
  using bare = new DatabaseSync(bareFile(file))
  bare.exec(`pragma page_size = 8192; pragma journal_mode = wal;
    create table pairs (collection text not null, did text not null, primary key (collection, did)) strict, without rowid;
    begin`)
  const insert = bare.prepare('insert into pairs values (?1, ?2)')
  for (const { collection, dids } of pagesOf(sizes)) {
    for (const store of [postgres, sqlite] satisfies OpenedStore[])
      await store.sink.add({ relay: 'bench.invalid', collection, dids })
    for (const did of dids) insert.run(collection, did)
  }
  bare.exec('commit')
  for (const collection of [WALKED, MANY]) await complete(sqlite, collection)
  await sql`vacuum analyze collection_index_pair`.execute(postgres.db)
  if (collectionDir) await fillCollectionDir(collectionDir, pagesOf(sizes))
}

/** As a run does with the last page: then the pairs are merged. */
async function complete({ progress }: OpenedStore, nsid: string): Promise<void> {
  await progress.register('bench.invalid', [{ nsid }])
  const claim = await progress.claim({ relay: 'bench.invalid', owner: 'bench', leaseMs: 60_000 })
  if (claim === undefined) throw new Error('a collection that was registered is free')
  await progress.advance(claim, { pages: 1, imported: 0, invalid: 0, cursor: undefined })
}

function* pagesOf({ walked, many }: Sizes): Generator<{ collection: string; dids: string[] }> {
  for (const [collection, size] of [
    [WALKED, walked],
    [MANY, many],
  ] as const)
    for (let from = 0; from < size; from += 10_000)
      yield { collection, dids: didsOf(collection, from, Math.min(10_000, size - from)) }
}

function didsOf(collection: string, from: number, count: number): string[] {
  const key = mix(collection.length)
  return Array.from({ length: count }, (_, i) => didOf(from + i, key))
}

/** A relay of lists without an end, as slow as the network's. */
export function endlessLister(): RepoLister {
  return {
    relay: 'endless.invalid',
    pageSize: PAGE,
    async listRepos({ collection, cursor = '0', signal }) {
      await setTimeout(WRITE_LATENCY_MS, undefined, { signal })
      const page = Number(cursor)
      return { dids: didsOf(collection, page * PAGE, PAGE), cursor: String(page + 1) }
    },
  }
}

export const ENDLESS: readonly string[] = Array.from(
  { length: WALKS },
  (_, i) => `com.example.bench.endless${'x'.repeat(i)}`,
)

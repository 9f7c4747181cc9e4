import type pg from 'pg'
import {
  type BackfillListener,
  createBackfiller,
  knownCollections,
  memoryStore,
  relayLister,
} from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { settingsOf } from '../../src/run/options.ts'
import type { Load } from './load.ts'
import { fetchPage } from './rivals.ts'

export interface RunOptions {
  /** The database's. */
  readonly url: string
  readonly relay: { readonly url: string }
  readonly load: Load
  /** @default the library's */
  readonly concurrency?: number | undefined
  readonly onEvent?: BackfillListener | undefined
}

/** The library, whole, on its defaults but for what is given. @returns the seconds that it took */
export async function backfill({ url, relay, load, concurrency, onEvent }: RunOptions): Promise<number> {
  await using store = await openPostgres(url, concurrency === undefined ? {} : { max: concurrency + 1 })
  const startedAt = performance.now()
  await createBackfiller({
    relay: relayLister(relay.url, { pageSize: load.pageSize }),
    collections: [knownCollections(estimates(load))],
    store: { sink: store.sink, progress: store.progress },
    concurrency,
    onEvent,
  }).run()
  return (performance.now() - startedAt) / 1000
}

export function estimates({ sizes }: Pick<Load, 'sizes'>): { nsid: string; estimatedRepos: number }[] {
  return Object.entries(sizes).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))
}

/** How many collections a run walks at once that does not say. */
export function defaultConcurrency(): number {
  return settingsOf({ relay: 'relay.invalid', store: memoryStore() }).relays[0]?.concurrency ?? 0
}

/** Everything that a run left. */
export async function clearTables(pool: pg.Pool): Promise<void> {
  await pool.query('truncate collection_index_pair, collection_index_nsid, backfill_progress')
  await pool.query('checkpoint')
}

export interface BareOptions {
  readonly url: string
  readonly load: Load
  /** How many ask at once. */
  readonly clients: number
  /** How many pages each of them fetches. */
  readonly pages: number
}

/** How long a page takes clients that do nothing with it, in milliseconds. */
export async function barePageMs({ url, load, clients, pages }: BareOptions): Promise<number> {
  const [largest = ''] = Object.entries(load.sizes).toSorted(([, a], [, b]) => b - a)[0] ?? []
  const ask = async (times: number) => {
    for (let page = 0; page < times; page += 1) await fetchPage(url, largest, load.pageSize)
  }
  const all = (times: number) => Promise.all(Array.from({ length: clients }, () => ask(times)))
  // The first request of each opens its connection.
  await all(1)
  const startedAt = performance.now()
  await all(pages)
  return (performance.now() - startedAt) / pages
}

/** One of several processes that share the work: says that it is ready, begins when it is told to, says when its last page was durable. */
import { createBackfiller, knownCollections, relayLister } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { parent } from './child.ts'
import type { Load } from './load.ts'
import { estimates } from './runs.ts'

export interface WorkerOptions {
  readonly databaseUrl: string
  readonly relayUrl: string
  readonly load: Pick<Load, 'sizes' | 'pageSize'>
  readonly concurrency: number
}

export interface WorkerReport {
  readonly pages: number
  /** When its last page was durable, in milliseconds of the system's clock. */
  readonly lastPageAt: number
}

const { hear, say } = parent()
const options = await hear<WorkerOptions>()
if (options !== undefined) await work(options)

async function work({ databaseUrl, relayUrl, load, concurrency }: WorkerOptions): Promise<void> {
  await using store = await openPostgres(databaseUrl)
  const backfiller = createBackfiller({
    relay: relayLister(relayUrl, { pageSize: load.pageSize }),
    collections: [knownCollections(estimates(load))],
    store: { sink: store.sink, progress: store.progress },
    concurrency,
  })
  say('ready')
  if ((await hear()) === undefined) return
  let lastPageAt = Date.now()
  for await (const _ of backfiller) {
    lastPageAt = Date.now()
  }
  const { pages } = backfiller.summary
  say({ pages, lastPageAt } satisfies WorkerReport)
}

/**
 * A backfill in a process of its own: its options as JSON in the first argument, a line of JSON on stdout for each
 * collection that it takes, for each page that is durable, and for the end.
 */
import { createBackfiller, knownCollections, relayLister } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import type { BackfillLine, BackfillProcessOptions } from './e2e-process.ts'
import { listenTo } from './listen-to.ts'

const say = (line: BackfillLine) => console.log(JSON.stringify(line))

const options = JSON.parse(process.argv[2] ?? '') as BackfillProcessOptions
await using store = await openPostgres(options.databaseUrl, { applicationName: options.name })
const backfiller = createBackfiller({
  relay: relayLister(options.relayUrl, { pageSize: options.pageSize, userAgent: options.name }),
  collections: [knownCollections(options.collections)],
  store: { sink: store.sink, progress: store.progress },
  concurrency: options.concurrency,
  leaseMs: options.leaseMs,
  onEvent: listenTo({
    collectionStarted: ({ collection, cursor, pages: page, imported }) =>
      say({ event: 'started', collection, cursor, pages: page, imported }),
  }),
})
for await (const { collection, cursor, pages: page, imported, added } of backfiller) {
  say({ event: 'page', collection, cursor, pages: page, imported, added })
}
say({ event: 'done', summary: backfiller.summary })

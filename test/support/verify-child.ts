/**
 * A verification of one collection against an index in Postgres, in a process of its own that says in the end what came of
 * it and how much memory it took at most beyond what the process had before, in bytes.
 */
import { relayLister, verify } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'

export interface VerifyChildOptions {
  relayUrl: string
  postgresUrl: string
  collection: string
}

const { relayUrl, postgresUrl, collection } = JSON.parse(process.argv[2] ?? '') as VerifyChildOptions

await using store = await openPostgres(postgresUrl)
const lister = relayLister(relayUrl, { pageSize: 10_000, checkCollection: collection })
// Not maxRSS: on Linux, a process inherits that of the one that started it.
const before = process.memoryUsage.rss()
let peak = before
const sampling = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 10)
const [report] = await Array.fromAsync(
  verify({ relay: lister, index: store.index, collections: [collection], samples: 100 }),
)
clearInterval(sampling)
console.log(JSON.stringify({ report, took: peak - before }))

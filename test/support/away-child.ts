/** A run whose consumer takes one page and never comes back, or one that waits for what another worker holds. */
import { createBackfiller, memoryStore } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { pagesOf, scriptedLister } from './scripted-lister.ts'

export interface AwayOptions {
  collections: readonly string[]
  concurrency: number
  databaseUrl?: string
  /** Another worker holds all of them, for so many milliseconds, and the consumer stays. */
  heldMs?: number
}

const { collections, concurrency, databaseUrl, heldMs } = JSON.parse(process.argv[2] ?? '') as AwayOptions
const store = databaseUrl === undefined ? memoryStore() : await openPostgres(databaseUrl)
const relay = scriptedLister(Object.fromEntries(collections.map((name) => [name, pagesOf(name, 40)])))

if (heldMs !== undefined) {
  const known = collections.map((nsid) => ({ nsid }))
  await store.progress.register(relay.relay, known)
  for (const { nsid } of known)
    if ((await store.progress.claim({ relay: relay.relay, owner: 'other', leaseMs: heldMs })) === undefined)
      throw new Error(`no claim for ${nsid}`)
}

const backfiller = createBackfiller({ relay, store, collections, concurrency })
if (heldMs !== undefined) console.log((await backfiller.run()).completed)
else {
  const away = async () => {
    for await (const page of backfiller) {
      console.log(page.collection)
      await new Promise(() => {})
    }
  }
  void away()
}

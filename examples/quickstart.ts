// Fills an index in Postgres from a relay: discovers its collections, pages through their repos, adds every pair.
import { createBackfiller } from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'

const store = await openPostgres(process.env.DATABASE_URL ?? 'postgres://localhost/relay')
for await (const page of createBackfiller({ relay: 'relay1.us-east.bsky.network', store })) {
  console.log(page.collection, page.added, page.imported)
}
await store.close()

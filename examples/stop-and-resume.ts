// Ctrl-C stops a run within a second, and the next start goes on at the page where it stopped.
import { createBackfiller } from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'

const { RELAY = 'relay1.us-east.bsky.network', DATABASE_URL = 'postgres://localhost/relay' } = process.env
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
const store = await openPostgres(DATABASE_URL)
try {
  for await (const page of createBackfiller({ relay: RELAY, store, signal: stop.signal })) {
    console.log(page.collection, page.pages, page.completed ? 'complete' : '')
  }
} catch (error) {
  if (!stop.signal.aborted) throw error
  console.log('Stopped. The next start goes on here.')
} finally {
  await store.close()
}

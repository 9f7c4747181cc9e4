// One index from two relays, side by side, each at its own pace; one that fails does not stop the other.
import { createBackfiller, isBackfillError } from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'

const { RELAYS = 'relay1.us-east.bsky.network,relay1.us-west.bsky.network' } = process.env
const store = await openPostgres(process.env.DATABASE_URL ?? 'postgres://localhost/relay')
const backfiller = createBackfiller({ relay: RELAYS.split(','), store })
try {
  for await (const page of backfiller) console.log(page.relay, page.collection, page.added)
} catch (error) {
  if (!isBackfillError(error, 'INCOMPLETE')) throw error
  console.error(error.message)
}
for (const { relay, completed, added } of backfiller.summary.relays) console.log({ relay, completed, added })
await store.close()

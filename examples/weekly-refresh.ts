// Started once a day: walks again what was completed before this week began, so that each collection is walked once a week.
import { createBackfiller } from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'

const { RELAY = 'relay1.us-east.bsky.network', DATABASE_URL = 'postgres://localhost/relay' } = process.env
const monday = new Date()
monday.setUTCHours(0, 0, 0, 0)
monday.setUTCDate(monday.getUTCDate() - ((monday.getUTCDay() + 6) % 7))

const store = await openPostgres(DATABASE_URL)
const { completed, added } = await createBackfiller({ relay: RELAY, store, refreshBefore: monday }).run()
console.log(`${completed} collections walked, ${added} pairs are new`)
await store.close()

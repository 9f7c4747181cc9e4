// Reads from the hosts of a relay's list what no relay lists, and says at the end what could not be read.
import { createCrawler, hostsOf, isBackfillError } from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'

const { RELAY = 'relay1.us-east.bsky.network', ALLOW_HOSTS, DATABASE_URL } = process.env
const store = await openPostgres(DATABASE_URL ?? 'postgres://localhost/relay')
const crawler = createCrawler({
  hosts: hostsOf(RELAY),
  store,
  // Hosts of a network of your own, such as *.internal.
  allowHosts: ALLOW_HOSTS?.split(','),
  onEvent(event) {
    if (event.type === 'hosts') console.log(`${event.hosts} hosts, ${event.accounts} accounts`)
    if (event.type === 'hostLeftOut') console.log(`left out: ${event.host} ${event.reason}`)
  },
})
try {
  for await (const page of crawler) console.log(page.host, page.described, page.pairs)
} catch (error) {
  if (!isBackfillError(error, 'INCOMPLETE')) throw error
  // They are tried again by the next run.
  for (const { host, lastError } of error.hosts) console.error(`${host}: ${lastError}`)
}
const { completed, described, inactive, absent, failed, added } = crawler.summary
console.log({ completed, described, inactive, absent, failed, added })
await store.close()

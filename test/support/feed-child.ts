/**
 * A process that follows a feed: `node feed-child.ts RELAY STORE KILL_AT`, with the URL of a Postgres or the file of a
 * SQLite as its store. It kills itself in its KILL_AT-th commit, once the batch is written and before that is committed;
 * in none for 0. It says where it is on each line.
 */
import { type FeedTarget, followFeed } from '../../src/live/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'

const [relay = '', place = '', killAt = '0'] = process.argv.slice(2)
const store: FeedTarget = place.startsWith('postgres') ? await openPostgres(place) : await openSqlite(place)

let commits = 0
const feed: FeedTarget['feed'] = {
  ...store.feed,
  async apply(batch, context) {
    const applied = await store.feed.apply(batch, context)
    if (context?.transaction === undefined) return applied
    commits += 1
    if (commits === Number(killAt)) process.kill(process.pid, 'SIGKILL')
    return applied
  },
}
await followFeed({
  relay,
  store: { ...store, feed },
  batchMs: 20,
  leaseMs: 2_000,
  onEvent(event) {
    if (event.type === 'batch') console.log(`batch ${event.cursor}.`)
    if (event.type === 'claimLost') console.log('claim lost')
    if (event.type === 'live') console.log(`live ${event.elsewhere ? 'elsewhere' : 'here'}`)
  },
})

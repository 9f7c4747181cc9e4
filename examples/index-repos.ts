// Asks the hosts of given repos what these hold, and puts an index right by it: what is new is added, what is gone removed.
//
//   node index-repos.ts dids.txt      a file with a DID a line, of any length
import { open } from 'node:fs/promises'
import { indexRepos } from 'atproto-collection-backfill'
import { openSqlite } from 'atproto-collection-backfill/sqlite'

const { DATA = 'collection-backfill.sqlite', PLC, ALLOW_HOSTS } = process.env
const [file = 'dids.txt'] = process.argv.slice(2)
const store = await openSqlite(DATA)
// It makes the removal of a repo faster.
await store.createDidIndex()
const run = indexRepos({
  repos: (await open(file)).readLines(),
  store,
  removeMissing: true,
  removeGone: true,
  // A directory of DIDs and hosts of your own network, such as *.internal.
  plc: PLC,
  allowHosts: ALLOW_HOSTS?.split(','),
})
for await (const { did, state, host, added, removed, error } of run) {
  if (state === 'failed') console.error(did, error)
  else console.log(`${did} ${state} ${host ?? ''} +${added?.length ?? 0} -${removed.length}`)
}
const { repos, added, removed } = run.summary
console.log(`${repos} repos, ${added} pairs added, ${removed} removed`)
await store.close()

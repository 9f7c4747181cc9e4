// A collection directory in one file: a relay's live feed and its backlog in; XRPC and an admin endpoint out.
//
//   DATA           the file of the index, of SQLite; the feed's place is in a second one beside it (.backfill-directory.sqlite)
//   RELAY          whose backlog is imported (relay1.us-east.bsky.network)
//   FIREHOSE       whose live feed is followed (wss://RELAY)
//   GARDEN         where llms.txt is, when not at lexicon.garden
//   PORT           where it is served (2510)
//   ADMIN_TOKEN    lets its owner watch, stop and start backfills; without it, nobody can
//
// One process writes: start it once. Kill it at any moment and start it again: feed and backfill go on where they were.
// Relays keep their feed for some days. After a longer stop, empty feed_removed and start a backfill.
import { DatabaseSync } from 'node:sqlite'
import { IdResolver } from '@atproto/identity'
import { MemoryBlockstore, Repo } from '@atproto/repo'
import { type Event, Firehose } from '@atproto/sync'
import { isValidNsid } from '@atproto/syntax'
import { serve } from '@hono/node-server'
import { createBackfiller, type IndexSink, lexiconGarden, relayLister } from 'atproto-collection-backfill'
import { adminHandler, xrpcHandler } from 'atproto-collection-backfill/server'
import { openSqlite } from 'atproto-collection-backfill/sqlite'

const { RELAY = 'relay1.us-east.bsky.network', GARDEN, PORT = '2510' } = process.env
const { DATA = '.backfill-directory.sqlite' } = process.env
const { FIREHOSE = `wss://${RELAY}` } = process.env
/** How much of the feed is written at once: what a second brings, or so many repos. */
const BATCH = { ms: 1_000, repos: 2_000 }

// Each write waits for the disk: the feed's cursor must not survive what a power cut takes from the index.
await using store = await openSqlite(DATA, { synchronous: 'full' })
const { index } = store
// What the feed told to be gone; a whole repo has '' as its collection. Relays list some of it for ever.
const feed = new DatabaseSync(`${DATA}.feed`)
feed.exec(`create table if not exists feed_cursor (service text primary key, seq integer not null);
  create table if not exists feed_removed (did text, collection text, primary key (did, collection)) without rowid`)
const noteRemoved = feed.prepare('insert or ignore into feed_removed values (?, ?)')
const forgetRemoved = feed.prepare('delete from feed_removed where did = ? and collection = ?')
const findRemoved = feed.prepare("select 1 from feed_removed where did = ? and collection in ('', ?)")
const saveSeq = feed.prepare('insert or replace into feed_cursor values (?, ?)')

// The live feed: what it tells is collected and written once a second, the last word on each pair.

/** For each repo, which collections it has now, and which no longer. */
let changes = new Map<string, Map<string, boolean>>()
/** The event that is being read, and the last one before it, of which nothing is left to read. */
let seq = { reading: savedSeq(), done: savedSeq() }
const { promise: live, resolve: isLive } = Promise.withResolvers<void>()

// From here on nothing waits but the end of the program, so no abort can come before it is listened to.
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
let failure: unknown
const fail = (error: unknown) => {
  failure ??= error
  stop.abort(error)
}

const firehose = new Firehose({
  service: FIREHOSE,
  getCursor: () => seq.reading,
  handleEvent,
  // An event that cannot be read, or a connection that broke: the feed goes on.
  onError: (error) => stop.signal.aborted || console.error(error.message, error.cause ?? ''),
  // The relay has verified what it sends.
  unauthenticatedCommits: true,
  excludeIdentity: true,
  // That a repo has changed as a whole, and not how: the next backfill brings what is new in it.
  excludeSync: true,
  idResolver: new IdResolver(),
})

async function handleEvent(event: Event): Promise<void> {
  // A commit of several records comes as several events.
  if (event.seq !== seq.reading) seq = { reading: event.seq, done: seq.reading ?? event.seq - 1 }
  // Anybody may write anything into a repo of their own.
  if ('collection' in event && !isValidNsid(event.collection)) return
  if (event.event === 'create' || event.event === 'update') change(event.did, event.collection, true)
  if (event.event === 'delete' && (await isEmptied(event))) change(event.did, event.collection, false)
  // Accounts that are suspended or deactivated may come back, and nothing would tell then what they hold.
  if (event.event === 'account' && event.status === 'deleted') {
    changes.delete(event.did)
    change(event.did, '', false)
  }
  if (event.event === 'account' && event.active) change(event.did, '', true)
  if (changes.size >= BATCH.repos) await writeChanges()
}

function change(did: string, collection: string, is: boolean): void {
  const repo = changes.get(did) ?? new Map<string, boolean>()
  changes.set(did, repo.set(collection, is))
}

/**
 * The feed tells that a record is gone, not that it was the last of its collection. But a commit proves it: its blocks
 * lead to the place of the deleted key in the repo's tree and to both its neighbours, so a collection that is empty can be
 * seen to be.
 */
async function isEmptied(event: Extract<Event, { event: 'delete' }>): Promise<boolean> {
  try {
    const repo = await Repo.load(new MemoryBlockstore(event.blocks), event.commit)
    return (await repo.data.listWithPrefix(`${event.collection}/`, 1)).length === 0
  } catch {
    // A block is missing: the collection reaches beyond the neighbours, or the repo's host sends no proofs. It stays.
    return false
  }
}

/** The cursor comes last, so that after a crash the feed brings again what may not have been written. */
function writeChanges(): Promise<void> {
  return inTurn(async () => {
    if (failure !== undefined) return
    const { done } = seq
    const batch = changes
    changes = new Map()
    const pairs = [...batch].flatMap(([did, repo]) => [...repo].map(([nsid, is]) => ({ did, nsid, is })))
    const gone = pairs.filter(({ is }) => !is)
    const there = pairs.filter(({ is }) => is)
    feed.exec('begin')
    for (const { did, nsid } of gone) noteRemoved.run(did, nsid)
    for (const { did, nsid } of there) forgetRemoved.run(did, nsid)
    feed.exec('commit')
    for (const { did, nsid } of gone) await (nsid === '' ? index.removeRepo(did) : index.remove(nsid, did))
    const records = there.filter(({ nsid }) => nsid !== '')
    for (const [collection, repos] of Map.groupBy(records, ({ nsid }) => nsid))
      await store.sink.add({ relay: FIREHOSE, collection, dids: repos.map(({ did }) => did) })
    if (done === undefined) return
    saveSeq.run(FIREHOSE, done)
    isLive()
  }).catch(fail)
}

function savedSeq(): number | undefined {
  const saved = feed.prepare('select seq from feed_cursor where service = ?').get(FIREHOSE)
  return saved && Number(saved.seq)
}

/** Leaves out what the feed told to be gone. It has no `database`, so each page is durable before the next change is written. */
const sink: IndexSink = {
  add: ({ relay: source, collection, dids }, { signal } = {}) =>
    inTurn(async () => {
      const left = dids.filter((did) => findRemoved.get(did, collection) === undefined)
      return await store.sink.add({ relay: source, collection, dids: left }, { signal })
    }),
}

const { ADMIN_TOKEN: token = crypto.randomUUID() } = process.env
await using admin = adminHandler({
  token,
  allowedRelays: [RELAY],
  progress: store.progress,
  backfill: ({ relay, onEvent, ...context }) =>
    createBackfiller({
      relay: relayLister(relay),
      collections: [lexiconGarden({ url: GARDEN }), store.observed],
      store: { sink, progress: store.progress },
      refreshAfterMs: 7 * 24 * 3_600_000,
      ...context,
      onEvent(event) {
        onEvent(event)
        if (event.type === 'page' && event.completed)
          console.log(`${event.collection}: ${event.imported} repos`)
      },
    }),
  signal: stop.signal,
  onEnd: ({ outcome, error }) => console.log(`backfill ${outcome}`, error ?? ''),
})

/** Everything up to now, once the feed brings what comes after, also to the next start: begun as an operator would. */
async function backfill(): Promise<void> {
  await live
  const asOperator = { method: 'POST', headers: { authorization: `Bearer ${token}` } }
  const answer = await admin(new Request('http://localhost/admin/backfill-collections', asOperator))
  if (!answer.ok) console.error(await answer.text())
}

let turn: Promise<unknown> = Promise.resolve()
/** One write at a time, so that no page brings back a pair that is being removed. */
function inTurn<T>(write: () => Promise<T>): Promise<T> {
  const written = turn.then(write)
  turn = written.catch(() => {})
  return written
}

const xrpc = xrpcHandler({ index, onError: ({ error }) => console.error(error) })
const isAdmin = ({ url }: Request) => new URL(url).pathname.startsWith('/admin/')
const fetch = (request: Request) => (isAdmin(request) ? admin(request) : xrpc(request))
const server = serve({ fetch, port: Number(PORT) }, ({ port }) => console.log(`http://localhost:${port}`))
const writing = setInterval(writeChanges, BATCH.ms)
const following = firehose.start()
backfill().catch(fail)
await new Promise((stopped) => stop.signal.addEventListener('abort', stopped))
await Promise.all([firehose.destroy(), following])
clearInterval(writing)
await writeChanges()
await new Promise((closed) => server.close(closed))
feed.close()
if (failure !== undefined) throw failure

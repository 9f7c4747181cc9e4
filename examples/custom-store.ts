// A sink and a progress store of one's own, on the SQLite that comes with Node: pairs and cursor in one transaction.
import { DatabaseSync } from 'node:sqlite'
import {
  type Claim,
  ClaimLostError,
  type CollectionProgress,
  createBackfiller,
  type IndexSink,
  lexiconGarden,
  type ProgressStore,
  relayLister,
} from 'atproto-collection-backfill'
import { startRelay } from 'atproto-collection-backfill/testing'
import { serialSqlite } from './support/serial-sqlite.ts'

const SCHEMA = `
  pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;
  create table if not exists pair (collection text, did text, primary key (collection, did)) without rowid;
  create table if not exists progress (
    source text, collection text, cursor text, page integer default 0, imported integer default 0,
    rejected integer default 0, estimated integer, loop_guard text, completed_at integer, last_error text,
    attempts integer default 0, restarts integer default 0, given_up integer default 0, not_before integer default 0,
    owner text, epoch integer default 0, lease_end integer default 0, primary key (source, collection)
  ) without rowid;`
/** Milliseconds on the database's clock. */
const NOW = `cast(unixepoch('subsec') * 1000 as integer)`
const OPEN = 'completed_at is null and given_up = 0'
const START = 'cursor = null, page = 0, imported = 0, rejected = 0, loop_guard = null, completed_at = null'
/** The fence: a collection that was taken over, or is complete, has no live claim of this epoch. */
const HELD = `source = :source and collection = :collection and owner = :owner and epoch = :epoch
  and completed_at is null`
const LISTED = ':names is null or collection in (select value from json_each(:names))'
const RETRIED = 'given_up = 0, attempts = 0, restarts = 0, not_before = 0'
/** As for a new walk; the epoch is raised, so that no claim of an earlier one holds. */
const AGAIN = `${START}, ${RETRIED}, last_error = null, owner = null, lease_end = 0, epoch = epoch + 1,
  estimated = iif(imported > 0, max(coalesce(estimated, 0), imported), estimated)`
const CLAIM =
  'source as relay, collection, owner, epoch, cursor, page as pages, imported, loop_guard as loopGuard, attempts, restarts'
const STATE = `case when completed_at is not null then 'complete' when given_up then 'failed'
  when owner is not null and lease_end > ${NOW} then 'running' else 'pending' end`
const EFFECTS = {
  failed: 'attempts = attempts + 1, given_up = :retryInMs is null',
  postponed: 'attempts = attempts',
  restart: `${START}, restarts = restarts + 1`,
}

/** Both on one database, which stays the caller's: it is never closed here. */
export function sqliteStore(db: DatabaseSync): { sink: IndexSink; progress: ProgressStore } {
  db.exec(SCHEMA)
  const { transaction, change, select } = serialSqlite(db)
  const insert = db.prepare('insert into pair values (?, ?) on conflict do nothing')
  const keyOf = ({ relay: source, collection, owner, epoch }: Claim) => ({ source, collection, owner, epoch })

  const sink: IndexSink = {
    database: db,
    async add({ collection, dids }, { transaction: open, signal } = {}) {
      signal?.throwIfAborted()
      const write = () => dids.reduce((sum, did) => sum + Number(insert.run(collection, did).changes), 0)
      // What `advance` hands over is its open transaction; without one, the pairs get their own.
      if (open === undefined) return { added: await transaction(write) }
      if (open !== db) throw new TypeError('The transaction is not one of this database.')
      return { added: write() }
    },
  }

  const progress: ProgressStore = {
    database: db,
    register: (source, collections, { refreshAfterMs, keepFailed } = {}) =>
      transaction(() => {
        const retry = `update progress set ${RETRIED} where source = :source and given_up = 1`
        if (!keepFailed) change(retry, { source })
        const refresh = `update progress set ${AGAIN} where source = :source and completed_at < ${NOW} - :refreshAfterMs`
        if (refreshAfterMs !== undefined) change(refresh, { source, refreshAfterMs })
        const add = `insert into progress (source, collection, estimated) values (:source, :nsid, :estimate)
          on conflict do update set estimated = coalesce(excluded.estimated, estimated)`
        for (const { nsid, estimatedRepos: estimate = null } of collections)
          change(add, { source, nsid, estimate })
      }),
    retryFailed: (source, collections) =>
      transaction(() => {
        const retry = `update progress set ${RETRIED} where source = :source and given_up = 1 and (${LISTED})`
        return change(retry, { source, names: collections ? JSON.stringify(collections) : null })
      }),
    reset: (source, collections) =>
      transaction(() => {
        const reset = `update progress set ${AGAIN}
          where source = :source and (owner is null or lease_end <= ${NOW}) and (${LISTED})`
        return change(reset, { source, names: collections ? JSON.stringify(collections) : null })
      }),
    claim: ({ relay: source, owner, leaseMs }) =>
      transaction(() => {
        const take = `update progress set owner = :owner, epoch = epoch + 1, lease_end = ${NOW} + :leaseMs
          where source = :source and collection = (
            select collection from progress
            where source = :source and ${OPEN} and max(lease_end, not_before) <= ${NOW}
            order by max(coalesce(estimated, 0), imported) desc, collection limit 1
          ) returning ${CLAIM}`
        const [claim] = select<Claim>(take, { source, owner, leaseMs })
        return claim && { ...claim, leaseMs }
      }),
    advance: (claim, { pages, cursor = null, imported, invalid, loopGuard = null }, write) =>
      transaction(async () => {
        const save = `update progress set cursor = :cursor, page = page + :pages, imported = imported + :imported,
            rejected = rejected + :rejected, loop_guard = :loopGuard, attempts = 0, last_error = null, not_before = 0,
            lease_end = iif(:cursor is null, 0, ${NOW} + :leaseMs), completed_at = iif(:cursor is null, ${NOW}, null)
          where ${HELD} and page = :page returning ${CLAIM}`
        const { pages: page, leaseMs } = claim
        const values = {
          ...keyOf(claim),
          page,
          pages,
          leaseMs,
          cursor,
          imported,
          rejected: invalid,
          loopGuard,
        }
        const [next] = select<Claim>(save, values)
        if (next === undefined) throw new ClaimLostError(claim)
        await write?.(db)
        return { ...next, leaseMs }
      }),
    renew: (claim, leaseMs) =>
      transaction(() => {
        const prolong = `update progress set lease_end = ${NOW} + :leaseMs where ${HELD}`
        if (change(prolong, { ...keyOf(claim), leaseMs }) === 0) throw new ClaimLostError(claim)
        return { ...claim, leaseMs }
      }),
    release: (claim, outcome) =>
      transaction(() => {
        const free = 'owner = null, lease_end = 0'
        if (outcome === undefined) {
          change(`update progress set ${free} where ${HELD}`, keyOf(claim))
          return
        }
        const error = outcome.error.slice(0, 500)
        const retryInMs = outcome.kind === 'restart' ? null : (outcome.retryInMs ?? null)
        const later = `last_error = :error, not_before = ${NOW} + coalesce(:retryInMs, 0), ${EFFECTS[outcome.kind]}`
        change(`update progress set ${free}, ${later} where ${HELD}`, { ...keyOf(claim), error, retryInMs })
      }),
    remaining: (source) =>
      transaction(() => {
        const look = `select count(*) as collections, min(max(0, lease_end - ${NOW}, not_before - ${NOW})) as dueInMs
          from progress where source = :source and ${OPEN}`
        return select<{ collections: number; dueInMs?: number }>(look, { source })[0] ?? { collections: 0 }
      }),
    list: ({ relay = null } = {}) =>
      transaction(() => {
        const look = `select source as relay, collection, ${STATE} as state, cursor, page as pages, imported, rejected as invalid, attempts,
            estimated as estimatedRepos, last_error as lastError, completed_at as completedAt
          from progress where :source is null or source = :source order by source, collection`
        const rows = select<CollectionProgress & { completedAt?: number }>(look, { source: relay })
        return rows.map((row) => (row.completedAt ? { ...row, completedAt: new Date(row.completedAt) } : row))
      }),
  }
  return { sink, progress }
}

if (import.meta.main) {
  using db = new DatabaseSync(process.argv[2] ?? ':memory:')
  await using relay = await startRelay({
    collections: {
      'app.bsky.actor.profile': 9_000,
      'app.bsky.feed.post': 7_500,
      'com.whtwnd.blog.entry': 40,
    },
  })
  const sources = [lexiconGarden({ url: relay.gardenUrl })]
  const backfiller = createBackfiller({ lister: relayLister(relay.url), sources, ...sqliteStore(db) })
  console.log(await backfiller.run())
  console.table(db.prepare('select collection, count(*) as repos from pair group by collection').all())
}

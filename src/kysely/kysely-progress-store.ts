import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { KnownCollection } from '../contracts/collection-source.ts'
import type {
  Claim,
  ClaimKey,
  ClaimRequest,
  ProgressStore,
  RegisterOptions,
  ReleaseOutcome,
  Remaining,
} from '../contracts/progress-store.ts'
import { ClaimLostError } from '../errors.ts'
import { advancePage } from './advance.ts'
import { isDataRefused } from './database-errors.ts'
import { rowOf } from './json-row.ts'
import {
  BEGUN_AGAIN,
  CANCELLED_COLUMNS,
  claimedColumns,
  releasedColumns,
  UNTRIED,
} from './progress-changes.ts'
import {
  CLAIM_ROW,
  PROGRESS_ROW,
  remainingRow,
  toClaim,
  toProgress,
  toRemaining,
} from './progress-columns.ts'
import {
  isClaimed,
  isCollection,
  isDue,
  isFailed,
  isFailedOrSetAside,
  isLeased,
  isNamed,
  isOfRelay,
  isOpen,
  mayCancel,
  mayHoldPagesOf,
} from './progress-conditions.ts'
import {
  type BackfillDatabase,
  backfillTables,
  databaseOf,
  fromNow,
  type SchemaOptions,
  tableName,
} from './schema.ts'
import { statement } from './transaction.ts'

type Tables = Kysely<BackfillDatabase>

/**
 * A progress store on Postgres, PGlite or a database that speaks their SQL, in `backfill_progress`. Run
 * `migrateToLatest(db)` first. The Kysely stays the caller's: it is never closed here.
 *
 * Serialization failures and deadlocks are repeated inside. A database that is down, full or read-only shows as a
 * `StoreUnavailableError`, missing tables as a `NotMigratedError`.
 */
export function kyselyProgressStore<Database>(
  db: Kysely<Database>,
  options: SchemaOptions = {},
): ProgressStore {
  const tables = backfillTables(db, options)
  return {
    database: databaseOf(db),
    register: (relay, collections, registerOptions = {}) =>
      register(tables, tableName('backfill_progress', options), { relay, collections, ...registerOptions }),
    retryFailed: (relay, collections) => retryFailed(tables, relay, collections),
    reset: (relay, collections) => reset(tables, relay, collections),
    cancel: (relay, collections) => cancel(tables, relay, collections),
    claim: (request) => claim(tables, request),
    advance: (held, page, write) => advancePage(tables, held, page, write),
    renew: (held, leaseMs) => renew(tables, held, leaseMs),
    release: (held, outcome) => release(tables, held, outcome),
    pauseRelay: (relay, ms) => pauseRelay(tables, tableName('backfill_progress', options), relay, ms),
    remaining: (relay, { collections } = {}) => remaining(tables, relay, collections),
    list: ({ relay } = {}) => list(tables, relay),
  }
}

interface Registration extends RegisterOptions {
  relay: string
  collections: readonly KnownCollection[]
}

/** Three statements on their own: a transaction would hold locks on rows that running walks need. */
async function register(
  tables: Tables,
  progress: RawBuilder<unknown>,
  registration: Registration,
): Promise<void> {
  const { relay, collections, refreshAfterMs, refreshBefore, keepFailed = false } = registration
  const isMeant = isNamed(registration.keepOthers ? collections.map(({ nsid }) => nsid) : undefined)
  if (!keepFailed) await statement(() => tryAgain(tables, relay).where(isFailed).where(isMeant).execute())
  if (refreshAfterMs !== undefined) {
    await statement(() =>
      beginAgain(tables, relay).where('completed_at', '<', fromNow(-refreshAfterMs)).where(isMeant).execute(),
    )
  }
  if (refreshBefore !== undefined) {
    const moment = sql<Date>`to_timestamp(${refreshBefore.getTime() / 1000}::float8)`
    await statement(() => beginAgain(tables, relay).where(mayHoldPagesOf(moment)).where(isMeant).execute())
  }
  await statement(() => insertNew(tables, progress, relay, withoutRepeats(collections)))
}

async function retryFailed(tables: Tables, relay: string, collections?: readonly string[]): Promise<number> {
  const update = tryAgain(tables, relay)
    .where(collections === undefined ? isFailed : isFailedOrSetAside)
    .where(isNamed(collections))
  const { numUpdatedRows } = await statement(() => update.executeTakeFirstOrThrow())
  return Number(numUpdatedRows)
}

function tryAgain(tables: Tables, relay: string) {
  return tables.updateTable('backfill_progress').set(UNTRIED).where(isOfRelay(relay))
}

async function reset(tables: Tables, relay: string, collections?: readonly string[]): Promise<number> {
  const update = beginAgain(tables, relay).where(sql<boolean>`not ${isLeased}`).where(isNamed(collections))
  const { numUpdatedRows } = await statement(() => update.executeTakeFirstOrThrow())
  return Number(numUpdatedRows)
}

async function cancel(tables: Tables, relay: string, collections: readonly string[]): Promise<number> {
  const update = tables
    .updateTable('backfill_progress')
    .set(CANCELLED_COLUMNS)
    .where(isOfRelay(relay))
    .where(mayCancel)
    .where(isNamed(collections))
  const { numUpdatedRows } = await statement(() => update.executeTakeFirstOrThrow())
  return Number(numUpdatedRows)
}

function beginAgain(tables: Tables, relay: string) {
  return tables.updateTable('backfill_progress').set(BEGUN_AGAIN).where(isOfRelay(relay))
}

/**
 * Leaves rows alone that say the same already, so that it waits for no walk; the order keeps two of these from a
 * deadlock.
 */
async function insertNew(
  tables: Tables,
  progress: RawBuilder<unknown>,
  relay: string,
  estimates: ReadonlyMap<string, number | null>,
): Promise<void> {
  if (estimates.size === 0) return
  await sql`
    insert into ${progress} as existing (collection, source, estimated_repos)
    select given.nsid, ${relay}::text, given.estimate
    from unnest(${[...estimates.keys()]}::text[], ${[...estimates.values()]}::bigint[]) as given (nsid, estimate)
    left join ${progress} as known on known.collection = given.nsid and known.source = ${relay}
    where known.collection is null or given.estimate <> coalesce(known.estimated_repos, -1)
    order by given.nsid collate "C"
    on conflict (collection, source) do update set
      estimated_repos = coalesce(excluded.estimated_repos, existing.estimated_repos)
  `.execute(tables)
}

/** Each name once, with the last estimate that was given for it. */
function withoutRepeats(collections: readonly KnownCollection[]): Map<string, number | null> {
  const estimates = new Map<string, number | null>()
  for (const { nsid, estimatedRepos } of collections)
    estimates.set(nsid, estimatedRepos ?? estimates.get(nsid) ?? null)
  return estimates
}

/** When an update finds nothing, another worker may have been faster: then there may be a next one to take. */
async function claim(tables: Tables, request: ClaimRequest): Promise<Claim | undefined> {
  const { relay, owner, leaseMs, collections } = request
  for (;;) {
    const row = await statement(() => claimBiggest(tables, request).executeTakeFirst())
    if (row !== undefined) return toClaim(rowOf(row), { relay, owner, leaseMs })
    const free = tables
      .selectFrom('backfill_progress')
      .select('epoch')
      .where(isOfRelay(relay))
      .where(isOpen)
      .where(isDue)
      .where(isNamed(collections))
      .where(isNotPaused(tables, relay))
    if ((await statement(() => free.limit(1).executeTakeFirst())) === undefined) return undefined
  }
}

/**
 * The condition stands twice: the inner one chooses; the outer one is looked at again when the row was locked, after
 * whoever held it is done, so that two workers never get the same.
 */
function claimBiggest(tables: Tables, request: ClaimRequest) {
  const { relay, collections } = request
  return tables
    .updateTable('backfill_progress')
    .set(claimedColumns(request))
    .where(isOfRelay(relay))
    .where('collection', '=', (eb) =>
      eb
        .selectFrom('backfill_progress')
        .select('collection')
        .where(isOfRelay(relay))
        .where(isOpen)
        .where(isDue)
        .where(isNamed(collections))
        .orderBy(sql`greatest(estimated_repos, imported_count)`, 'desc')
        .orderBy(sql`collection collate "C"`)
        .limit(1),
    )
    .where(isOpen)
    .where(isDue)
    .where(isNotPaused(tables, relay))
    .returning(CLAIM_ROW)
}

/** Whether the relay wants requests. */
function isNotPaused(tables: Tables, relay: string): RawBuilder<boolean> {
  const pauses = tables
    .selectFrom('backfill_progress')
    .select(sql`1`.as('one'))
    .where('source', '=', relay)
    .where(sql<boolean>`relay_waits_until > clock_timestamp()`)
  return sql`not exists (${pauses})`
}

async function renew(tables: Tables, held: Claim, leaseMs: number): Promise<Claim> {
  const update = tables
    .updateTable('backfill_progress')
    .where(isClaimed(held))
    .set({ lease_ends_at: fromNow(leaseMs) })
    .where('completed_at', 'is', null)
  const { numUpdatedRows } = await statement(() => update.executeTakeFirstOrThrow())
  if (numUpdatedRows === 0n) throw new ClaimLostError(held)
  return { ...held, leaseMs }
}

async function release(tables: Tables, held: ClaimKey, outcome: ReleaseOutcome | undefined): Promise<void> {
  const save = (how: ReleaseOutcome | undefined) =>
    tables.updateTable('backfill_progress').where(isClaimed(held)).set(releasedColumns(how)).execute()
  await statement(async () => {
    try {
      await save(outcome)
    } catch (error) {
      // The reason may have letters that the database's encoding lacks. A reason must never be what ends a run.
      if (outcome === undefined || !isDataRefused(error)) throw error
      await save({ ...outcome, error: inAscii(outcome.error) })
    }
  })
}

/** With the escapes of JavaScript in place of all other characters. */
function inAscii(text: string): string {
  return text.replace(/[^ -~\n]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/**
 * On the first row of the relay, for any of them will do, or on one that stands for no collection. On all of them it
 * would wait for each commit that is under way, and two such statements could be a deadlock.
 */
async function pauseRelay(
  tables: Tables,
  progress: RawBuilder<unknown>,
  relay: string,
  ms: number,
): Promise<void> {
  const update = sql`
    insert into ${progress} as existing (collection, source, relay_waits_until)
    select coalesce(min(collection), ''), ${relay}::text, ${fromNow(ms)} from ${progress} where source = ${relay}
    on conflict (collection, source) do update set
      relay_waits_until = greatest(existing.relay_waits_until, excluded.relay_waits_until)
  `
  await statement(() => update.execute(tables))
}

async function remaining(
  tables: Tables,
  relay: string,
  collections: readonly string[] | undefined,
): Promise<Remaining> {
  const row = remainingRow(isNamed(collections))
  const ofRelay = tables.selectFrom('backfill_progress').select(row).where('source', '=', relay)
  return toRemaining(relay, rowOf(await statement(() => ofRelay.executeTakeFirstOrThrow())))
}

async function list(tables: Tables, relay: string | undefined) {
  const rows = tables
    .selectFrom('backfill_progress')
    .select(PROGRESS_ROW)
    .where(isCollection)
    .$if(relay !== undefined, (query) => query.where(isOfRelay(relay ?? '')))
    .orderBy(sql`source collate "C"`)
    .orderBy(sql`collection collate "C"`)
  return (await statement(() => rows.execute())).map((row) => toProgress(rowOf(row)))
}

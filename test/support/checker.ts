import { sql } from 'kysely'
import type { RelayContents } from '../../src/testing/index.ts'
import type { TestKysely } from './databases.ts'
import { type Change, historyProblems, type Walk } from './progress-history.ts'

/** What one relay served, in its order. */
export interface Served extends Pick<RelayContents, 'collections' | 'dids' | 'cursorAt'> {
  /** Its origin, under which the progress is kept. */
  readonly url: string
}

export interface CheckOptions {
  /** Where the progress is, and its history since {@link recordProgress}. */
  progress: TestKysely
  /** Where the pairs are. @default `progress` */
  index?: TestKysely | undefined
  relays: readonly Served[]
  /** Pairs that somebody else brought, as `collection did`. @default none */
  alsoHeld?: ReadonlySet<string> | undefined
  /**
   * Whether a relay repeats itself, or gives cursors of its own: then a cursor alone does not say how many DIDs came
   * before it. @default false
   */
  repeats?: boolean | undefined
}

/** What the checker has to say; `problems` is empty when the promise was kept. */
export interface Verdict {
  /** Pages committed. */
  readonly pages: number
  /** Collections that are complete. */
  readonly completed: number
  /** Pairs below a stored cursor, or of a complete collection, that the index does not hold. */
  readonly missing: number
  /** Pairs in the index that nobody served. */
  readonly foreign: number
  readonly problems: readonly string[]
}

/** Records each change of a progress row from now on, in the transaction that makes it. */
export async function recordProgress(db: TestKysely): Promise<void> {
  await sql`
    create table progress_history (
      n bigint generated always as identity, collection text, source text, epoch bigint, page_count bigint,
      cursor text, imported_count bigint, restarts integer, completed_at timestamptz
    )
  `.execute(db)
  await sql`
    create function record_progress() returns trigger language plpgsql as $$ begin
      insert into progress_history (collection, source, epoch, page_count, cursor, imported_count, restarts, completed_at)
      values (new.collection, new.source, new.epoch, new.page_count, new.cursor, new.imported_count, new.restarts,
        new.completed_at);
      return null;
    end $$
  `.execute(db)
  // Whoever may write the one may write the other.
  await sql`alter function record_progress() security definer`.execute(db)
  await sql`
    create trigger record_progress after insert or update on backfill_progress
    for each row execute function record_progress()
  `.execute(db)
}

/** Looks over the index, the progress rows and their history, and says what of the promise was not kept. */
export async function verdict(options: CheckOptions): Promise<Verdict> {
  const { progress, index = progress, relays, alsoHeld = new Set() } = options
  const walks = walksOf(await changes(progress))
  const held = await pairsOf(index)
  const known = new Set([...relays.flatMap((relay) => [...pairsServed(relay)]), ...alsoHeld])
  const foreign = [...held].filter((pair) => !known.has(pair))
  const problems = foreign.slice(0, 3).map((pair) => `${pair}: in the index, and nobody served it`)
  let missing = 0
  for (const walk of walks) {
    const relay = relays.find(({ url }) => url === walk.relay)
    if (relay === undefined) {
      problems.push(`${walk.relay}: progress of a relay that is not known`)
      continue
    }
    const served = [...relay.dids(walk.collection)]
    const exact = options.repeats !== true
    const offsetOf = exact ? offsets(relay, walk.collection, served.length) : () => undefined
    problems.push(...historyProblems(walk, { exact, served: served.length, offsetOf }))
    const lacking = below(walk, served, offsetOf).filter((did) => !held.has(`${walk.collection} ${did}`))
    missing += lacking.length
    problems.push(...lacking.slice(0, 3).map((did) => `${walk.collection}: ${did} is missing`))
  }
  const completed = walks.filter(({ changes }) => changes.at(-1)?.completed).length
  const pages = walks.reduce((sum, { changes }) => sum + pagesOf(changes), 0)
  return { pages, completed, missing, foreign: foreign.length, problems }
}

/** The checker's verdict, which must be that the promise was kept. */
export async function check(options: CheckOptions): Promise<Verdict> {
  const found = await verdict(options)
  if (found.problems.length > 0) throw new Error(`The promise was broken:\n${found.problems.join('\n')}`)
  return found
}

/** The DIDs that must be in the index for what is saved: those below the cursor, or all. */
function below(
  { changes }: Walk,
  served: readonly string[],
  offsetOf: (cursor: string) => number | undefined,
): readonly string[] {
  const saved = changes.at(-1)
  return saved?.completed ? served : served.slice(0, offsetOf(saved?.cursor ?? '') ?? 0)
}

/** How many pages were committed. */
function pagesOf(changes: readonly Change[]): number {
  return changes.reduce(
    (sum, { pages: page }, i) => sum + Math.max(0, page - (changes[i - 1]?.pages ?? 0)),
    0,
  )
}

function* pairsServed({ collections, dids }: Served): Generator<string> {
  for (const collection of collections) {
    for (const did of dids(collection)) yield `${collection} ${did}`
  }
}

/** How many DIDs come before each cursor. */
function offsets(relay: Served, collection: string, size: number): (cursor: string) => number | undefined {
  const known = new Map([['', 0]])
  if (relay.collections.includes(collection)) {
    for (let offset = 0; offset <= size; offset += 1) known.set(relay.cursorAt(collection, offset), offset)
  }
  return (cursor) => known.get(cursor)
}

async function pairsOf(db: TestKysely): Promise<Set<string>> {
  const rows = await db.selectFrom('collection_index').selectAll().execute()
  return new Set(rows.map(({ collection, did }) => `${collection} ${did}`))
}

interface Recorded extends Change {
  readonly collection: string
  readonly relay: string
}

/** The numbers are drawn under the row's lock, so they order the changes of one row. */
async function changes(db: TestKysely): Promise<readonly Recorded[]> {
  const { rows } = await sql<Recorded>`
    select collection, source as relay, epoch::float8, page_count::float8 as pages, cursor, imported_count::float8 as imported,
      restarts, completed_at is not null as completed
    from progress_history order by n
  `.execute(db)
  return rows
}

function walksOf(recorded: readonly Recorded[]): Walk[] {
  const byRow = Map.groupBy(recorded, ({ collection, relay: source }) => `${collection} ${source}`)
  return [...byRow.values()].flatMap((changes) => {
    const [first] = changes
    return first === undefined ? [] : [{ collection: first.collection, relay: first.relay, changes }]
  })
}

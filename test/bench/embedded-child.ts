/**
 * Writes pairs into one store, as a run with six collections does, and says what that took whenever another size is
 * reached. Its options are in the first line of stdin.
 */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, sql } from 'kysely'
import type { Claim, IndexSink, ProgressStore } from '../../src/index.ts'
import {
  type BackfillDatabase,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
} from '../../src/kysely/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { PLC_LETTERS } from '../../src/sqlite/did-key.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { didOf, mix } from '../../src/testing/dids.ts'
import { parent } from './child.ts'
import type { EmbeddedMark, EmbeddedOptions } from './embedded-lines.ts'

const COLLECTIONS = 6
const PAGE = 2_000

interface Measured {
  readonly sink: IndexSink
  readonly progress: ProgressStore
  bytes(): Promise<number>
  written(): Promise<number>
  close(): Promise<void>
}

const writtenHere = async () =>
  Number(/^wchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? Number.NaN)

function sizeOf(paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + (existsSync(path) ? statSync(path).size : 0), 0)
}

async function open({ store, place }: EmbeddedOptions): Promise<Measured> {
  if (store === 'SQLite') {
    const { sink, progress, close } = await openSqlite(place)
    const bytes = async () => sizeOf([place, `${place}-wal`])
    return { sink, progress, bytes, written: writtenHere, close }
  }
  if (store === 'PGlite') {
    const db = new Kysely<BackfillDatabase>({
      dialect: new PGliteDialect({ pglite: await PGlite.create(place) }),
    })
    await migrateToLatest(db)
    const bytes = async () => sizeOf(globSync(`${place}/**`).filter((path) => statSync(path).isFile()))
    return { ...kyselyStores(db), bytes, written: writtenHere, close: () => db.destroy() }
  }
  const { db, sink, progress, close } = await openPostgres(place)
  const ask = async (query: ReturnType<typeof sql<{ bytes: string }>>) =>
    Number((await query.execute(db)).rows[0]?.bytes)
  return {
    sink,
    progress,
    bytes: () => ask(sql`select pg_database_size(current_database()) as bytes`),
    written: () => ask(sql`select sum(write_bytes) as bytes from pg_stat_io`),
    close,
  }
}

function kyselyStores(db: Kysely<BackfillDatabase>) {
  return { sink: kyselyIndexSink(db), progress: kyselyProgressStore(db) }
}

/** The DIDs of one page; in order, they are those of a counter. */
function pageOf(order: EmbeddedOptions['order'], collection: number, page: number): string[] {
  const key = mix(collection * 7 + 1)
  return Array.from({ length: PAGE }, (_, i) => {
    const account = page * PAGE + i
    return order === 'random' ? didOf(account, key) : `did:plc:${lettersOf(account)}`
  })
}

function lettersOf(number: number): string {
  let letters = ''
  for (let rest = number, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32))
    letters = PLC_LETTERS[rest % 32] + letters
  return letters + 'a'.repeat(14)
}

const { hear, say } = parent()
const options = (await hear<EmbeddedOptions>()) as EmbeddedOptions
const openedAt = performance.now()
const store = await open(options)
const openMs = performance.now() - openedAt
const names = Array.from({ length: COLLECTIONS }, (_, i) => `com.example.bench.n${i}`)
await store.progress.register(
  'bench.invalid',
  names.map((nsid) => ({ nsid })),
)
let claims: Claim[] = []
for (const name of names) {
  const claim = await store.progress.claim({ relay: 'bench.invalid', owner: name, leaseMs: 3_600_000 })
  if (claim !== undefined) claims.push(claim)
}

let pairs = 0
let spentMs = 0
let since = { pairs: 0, ms: 0, longestMs: 0, cpuMicros: 0 }
let cpuMicros = 0
const mark = async (): Promise<EmbeddedMark> => ({
  pairs,
  pairsPerSecond: ((pairs - since.pairs) / (spentMs - since.ms)) * 1_000,
  cpuMicros: (cpuMicros - since.cpuMicros) / (pairs - since.pairs),
  longestMs: since.longestMs,
  bytes: await store.bytes(),
  written: await store.written(),
  peakMegabytes: process.resourceUsage().maxRSS / 1_024,
  openMs,
})

const marks = [...options.marks]
for (let page = 0; marks.length > 0 && spentMs < options.seconds * 1_000; page += 1) {
  // Made before the clock runs.
  const pages = claims.map((_, i) => pageOf(options.order, i, page))
  const isLast = pairs + claims.length * PAGE >= (options.marks.at(-1) ?? 0)
  const startedAt = performance.now()
  const cpuAtStart = process.cpuUsage()
  claims = await Promise.all(
    claims.map(async (claim, i) => {
      const { relay, collection } = claim
      const dids = pages[i] ?? []
      const change = { pages: 1, imported: PAGE, invalid: 0, cursor: isLast ? undefined : String(page) }
      let added = 0
      const advanced = await store.progress.advance(claim, change, async (transaction) => {
        added = (await store.sink.add({ relay, collection, dids }, { transaction }))?.added ?? 0
      })
      pairs += added
      since.longestMs = Math.max(since.longestMs, performance.now() - startedAt)
      return advanced
    }),
  )
  spentMs += performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuAtStart)
  cpuMicros += user + system
  if (pairs < (marks[0] ?? 0)) continue
  marks.shift()
  const reached = await mark()
  since = { pairs, ms: spentMs, longestMs: 0, cpuMicros }
  if (marks.length > 0) say(reached)
  else await end(reached)
}
if (marks.length > 0) await end(await mark())
say(null)

/** The last line: its bytes are those of the store when it is closed, which a server's are not. */
async function end(reached: EmbeddedMark): Promise<void> {
  const closedAt = performance.now()
  await store.close()
  const closeMs = performance.now() - closedAt
  say({ ...reached, closeMs, ...(options.store === 'Postgres' ? {} : { bytes: await store.bytes() }) })
}

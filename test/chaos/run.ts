import { join } from 'node:path'
import { openPostgres } from '../../src/postgres/index.ts'
import { abortable, settledWithin } from '../../src/util/abort.ts'
import { recordProgress } from '../support/checker.ts'
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type DisturbanceFigures, type Disturbed, disturb } from './disturbances.ts'
import { type FaultyRelay, startFaultyRelay } from './faulty-relay.ts'
import { type Fleet, type FleetFigures, startFleet } from './fleet.ts'
import type { ChaosOptions } from './options.ts'
import { seeded } from './random.ts'
import { copyForVerdict, recordSqliteProgress } from './sqlite-history.ts'
import { type ChaosVerdict, judge } from './verdict.ts'
import { workFor } from './work.ts'

/** How long the workers may take to finish once nothing goes wrong any more, in seconds: with all else, a minute. */
const CALM_SECONDS = 50

export interface ChaosReport {
  readonly options: ChaosOptions
  readonly collections: number
  readonly disturbances: Readonly<DisturbanceFigures>
  readonly faults: ReadonlyMap<string, number>
  readonly pagesFetchedTwice: number
  readonly fleet: FleetFigures
  readonly verdict: ChaosVerdict
  /** How long the workers took for the rest of the work, in seconds; nothing when they did not come to the end. */
  readonly calmSeconds: number | undefined
}

export interface ChaosContext {
  /** Ends everything at once. */
  readonly signal?: AbortSignal | undefined
  /** Gets a line each second. */
  readonly say?: ((line: string) => void) | undefined
  /** What is to be walked, and what is done to those who walk it. @default drawn from the seed */
  readonly scene?: Scene | undefined
}

export interface Scene {
  readonly collections: Readonly<Record<string, number>>
  /** Leaves every worker and the database running. */
  disturb(disturbed: Disturbed): Promise<void>
}

/**
 * Lets workers share one backfill while they are killed and paused, their database is restarted and their relay is
 * faulty; then lets them finish, and judges what they did. Nothing that it started is left, however it ends.
 */
export async function runChaos(options: ChaosOptions, context: ChaosContext = {}): Promise<ChaosReport> {
  const { seconds, seed, workers, fence } = options
  const { signal = new AbortController().signal, say = () => {} } = context
  signal.throwIfAborted()
  const { collections, disturb } = context.scene ?? drawScene(options)
  await using database = await startDatabase(options)
  const { url: databaseUrl, server } = database
  await using relay = await startFaultyRelay({ collections, seed, seconds })
  await using fleet = startFleet(workers, {
    databaseUrl,
    relayUrl: relay.url,
    collections,
    fence,
  })
  const disturbances = { kills: 0, pauses: 0, restarts: 0, terminated: 0 }
  const startedAt = performance.now()
  const ticker = setInterval(() => {
    const second = Math.round((performance.now() - startedAt) / 1000)
    say(liveLine(second, disturbances, relay, fleet))
  }, 1000)
  try {
    await disturb({ server, fleet, firstFault: relay.firstFault, figures: disturbances, signal })
    const calmSeconds = await finish(relay, fleet, signal)
    const verdict = await judgeAt(databaseUrl, relay, fleet)
    const { faults, pagesFetchedTwice } = relay
    const count = Object.keys(collections).length
    return {
      options,
      collections: count,
      disturbances,
      faults,
      pagesFetchedTwice,
      fleet: fleet.figures,
      verdict,
      calmSeconds,
    }
  } finally {
    clearInterval(ticker)
  }
}

function drawScene({ seconds, seed }: ChaosOptions): Scene {
  const random = seeded(seed)
  return {
    collections: workFor(seconds, random),
    disturb: (disturbed) => disturb(seconds, random, disturbed),
  }
}

interface ChaosDatabase extends AsyncDisposable {
  /** The path, of a file. */
  readonly url: string
  readonly server: PostgresServer | undefined
}

/** An empty database that records what becomes of its progress rows. */
async function startDatabase({ database, synchronousCommit }: ChaosOptions): Promise<ChaosDatabase> {
  if (database === 'sqlite') {
    const folder = await temporaryFolder()
    const url = join(folder.path, 'chaos.sqlite')
    await recordSqliteProgress(url)
    return { url, server: undefined, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
  }
  const server = await startPostgresServer({ max_connections: '200', synchronous_commit: synchronousCommit })
  await using store = await openPostgres(server.url)
  await recordProgress(store.db)
  return { url: server.url, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** @returns after how many seconds all were done, if they were */
async function finish(relay: FaultyRelay, fleet: Fleet, signal: AbortSignal): Promise<number | undefined> {
  relay.calmDown()
  const startedAt = performance.now()
  let seconds: number | undefined
  const finishing = fleet.finish().then(() => {
    seconds = (performance.now() - startedAt) / 1000
  })
  await abortable(settledWithin(CALM_SECONDS * 1000, finishing), signal)
  const finished = seconds
  // Those that did not come to the end must not go on while they are judged.
  await fleet[Symbol.asyncDispose]()
  return finished
}

async function judgeAt(databaseUrl: string, relay: FaultyRelay, { figures }: Fleet): Promise<ChaosVerdict> {
  const isFile = !databaseUrl.startsWith('postgres:')
  await using store = isFile ? await copyForVerdict(databaseUrl) : await openPostgres(databaseUrl)
  return await judge(store.db, relay, figures.pages)
}

function liveLine(
  second: number,
  { kills, pauses, restarts, terminated }: DisturbanceFigures,
  { faults }: FaultyRelay,
  { figures: { pages } }: Fleet,
): string {
  const complete = new Set(
    pages.filter(({ cursor }) => cursor === undefined).map(({ collection }) => collection),
  )
  const faulty = [...faults.values()].reduce((sum, times) => sum + times, 0)
  return (
    `${String(second).padStart(4)} s: ${pages.length} pages, ${complete.size} collections complete; ${kills} kills, ` +
    `${pauses} pauses, ${restarts} restarts, ${terminated} sessions ended, ${faulty} relay faults`
  )
}

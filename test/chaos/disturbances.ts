import pg from 'pg'
import { abortable, sleep } from '../../src/util/abort.ts'
import type { PostgresServer } from '../support/postgres-server.ts'
import type { Fleet } from './fleet.ts'
import type { Random } from './random.ts'
import { LEASE_MS } from './worker-lines.ts'

/** How often what was done to the workers and to the database. */
export interface DisturbanceFigures {
  /** SIGKILL. */
  kills: number
  /** SIGSTOP for longer than a lease, then SIGCONT. */
  pauses: number
  /** Hard stops of the database. */
  restarts: number
  /** Database sessions ended by an administrator. */
  terminated: number
}

type DisturbanceKind = keyof DisturbanceFigures

export interface Disturbed {
  /** Absent where the database is a file: then there is nothing but the workers. */
  readonly server: PostgresServer | undefined
  readonly fleet: Fleet
  /** Resolves once the relay has done wrong to a worker. */
  readonly firstFault: Promise<void>
  readonly figures: DisturbanceFigures
  readonly signal: AbortSignal
}

/** One thing to be done, with what is left to chance in it: numbers from 0 up to and without 1. */
interface Disturbance {
  readonly kind: DisturbanceKind
  /** In seconds after the beginning. */
  readonly at: number
  /** To whom it is done. */
  readonly whom: number
  readonly howMuch: number
}

/** How many seconds lie between two of a kind, about. */
const EVERY: Readonly<Record<DisturbanceKind, number>> = { kills: 2, pauses: 3, restarts: 5, terminated: 1.5 }

/** All that is done within `seconds`, in order. */
function scheduleFor(seconds: number, random: Random): Disturbance[] {
  const schedule: Disturbance[] = []
  for (const [kind, every] of Object.entries(EVERY) as [DisturbanceKind, number][]) {
    for (let at = every * random.between(0.3, 1); at < seconds; at += every * random.between(0.5, 1.5)) {
      schedule.push({ kind, at, whom: random.between(0, 1), howMuch: random.between(0, 1) })
    }
  }
  return schedule.sort((a, b) => a.at - b.at)
}

/**
 * Does what chance says for `seconds`, on a busy machine until a worker has met a fault of the relay, and leaves every
 * worker and the database running unless the signal aborts.
 */
export async function disturb(seconds: number, random: Random, disturbed: Disturbed): Promise<void> {
  const startedAt = performance.now()
  const underWay: Promise<void>[] = []
  // A second restart while the database is down waits for the first.
  let restarted: Promise<void> = Promise.resolve()
  try {
    for (const disturbance of scheduleFor(seconds, random)) {
      await sleep(startedAt + disturbance.at * 1000 - performance.now(), disturbed.signal)
      if (disturbance.kind === 'kills') kill(disturbance, disturbed)
      if (disturbance.kind === 'pauses') underWay.push(pause(disturbance, disturbed))
      if (disturbance.kind === 'terminated') underWay.push(terminate(disturbance, disturbed))
      if (disturbance.kind !== 'restarts') continue
      restarted = restarted.then(() => restart(disturbance, disturbed))
      underWay.push(restarted)
    }
    await sleep(startedAt + seconds * 1000 - performance.now(), disturbed.signal)
    await abortable(disturbed.firstFault, disturbed.signal)
  } finally {
    await Promise.allSettled(underWay)
  }
  await Promise.all(underWay)
}

function kill({ whom }: Disturbance, { fleet, figures }: Disturbed): void {
  const worker = chosen(fleet.running(), whom)
  if (worker === undefined) return
  worker.kill()
  figures.kills += 1
}

async function pause({ whom, howMuch }: Disturbance, { fleet, figures, signal }: Disturbed): Promise<void> {
  const worker = chosen(fleet.running(), whom)
  if (worker === undefined) return
  worker.pause()
  figures.pauses += 1
  try {
    await sleep(LEASE_MS * (1.2 + howMuch), signal)
  } finally {
    worker.resume()
  }
}

async function restart({ howMuch }: Disturbance, { server, figures, signal }: Disturbed): Promise<void> {
  if (server === undefined) return
  await server.stopHard()
  figures.restarts += 1
  await sleep(1500 * howMuch, signal)
  await server.start()
}

/** Those first that are in the middle of something. */
async function terminate({ howMuch }: Disturbance, { server, figures }: Disturbed): Promise<void> {
  if (server === undefined) return
  const client = new pg.Client({
    connectionString: server.url,
    connectionTimeoutMillis: 1000,
    query_timeout: 1000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'chaos %'
      order by state = 'idle', random() limit $1`,
      [1 + Math.floor(3 * howMuch)],
    )
    figures.terminated += rowCount ?? 0
  } catch {
    // The database is down just now: there is no session to end.
  } finally {
    await client.end().catch(() => {})
  }
}

function chosen<T>(list: readonly T[], whom: number): T | undefined {
  return list[Math.floor(whom * list.length)]
}

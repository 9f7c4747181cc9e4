import type { BackfillEvent, CollectionProgress } from '../../src/index.ts'

/** What follows a simulated run: a monitor. */
export interface Follower {
  handle(event: BackfillEvent): void
  refresh(read: () => Promise<readonly CollectionProgress[]>): Promise<void>
}

/** A collection of the simulated network. */
export interface SimulatedCollection {
  readonly nsid: string
  readonly size: number
  /** What a directory tells. */
  readonly estimate?: number | undefined
  /** DIDs that earlier runs have read. */
  readonly before?: number
}

/** A run over a simulated network. All times are in milliseconds of the simulated clock. */
export interface Simulation {
  readonly collections: readonly SimulatedCollection[]
  /** How long a page takes: so long, and as much again for 10,000 DIDs on it. */
  readonly pageMs?: number
  readonly workers?: number
  /** Other processes on the same database, each with as many workers. */
  readonly others?: number
  /** The relay asks for pauses of all requests. */
  readonly pauses?: readonly Span[]
  readonly outages?: readonly Span[]
  /** This collection fails once, after so many pages, and is set aside. */
  readonly setAside?: { readonly nsid: string; readonly afterPages: number; readonly ms: number }
}

export interface Span {
  readonly at: number
  readonly ms: number
}

export const RELAY = 'relay.example'
export const BEGIN = 1_700_000_000_000
const PAGE_SIZE = 2_000
const REFRESH_MS = 10_000
const DIDS: readonly string[] = Array.from({ length: PAGE_SIZE }, () => 'did:web:a.example')

interface Row extends CollectionProgress {
  readonly size: number
  readonly failsAfter: number
  dueAt: number
}

/** Something that does one step at a time, and then waits. */
interface Actor {
  at: number
  step(): Promise<void> | void
}

/**
 * Plays a run and gives its events to the follower, on a clock of its own, so that it takes no time: the same for the
 * same arguments.
 *
 * @param look called at these moments
 * @returns how long the run took
 */
export async function simulate(
  simulation: Simulation,
  clock: { now: number },
  follower: Follower,
  look: { at: readonly number[]; call: (at: number) => void } = { at: [], call() {} },
): Promise<number> {
  const { workers = 4, others = 0, pauses = [], outages = [] } = simulation
  const rows = new Map(simulation.collections.map((each) => [each.nsid, rowOf(each, simulation)]))
  const tell = (event: BackfillEvent) => follower.handle(event)
  const world = { ...simulation, rows, clock, tell, random: randomNumbers(), endedAt: BEGIN }
  const read = async () => [...rows.values()].map((row) => progressOf(row, clock.now))
  clock.now = BEGIN
  await follower.refresh(read)
  const collections = simulation.collections.map(({ nsid, estimate }) => ({ nsid, estimatedRepos: estimate }))
  tell({ type: 'discovered', relay: RELAY, collections, sources: [] })
  const isOpen = () => [...rows.values()].some(({ state }) => state === 'pending' || state === 'running')
  const refresher: Actor = {
    at: BEGIN + REFRESH_MS,
    async step() {
      refresher.at = isOpen() ? clock.now + REFRESH_MS : Number.POSITIVE_INFINITY
      await follower.refresh(read)
    },
  }
  const actors: Actor[] = [
    ...look.at.map((ms) => once(BEGIN + ms, () => look.call(clock.now - BEGIN))),
    ...pauses.map(({ at, ms }) =>
      once(BEGIN + at, () => tell({ type: 'paused', relay: RELAY, waitMs: ms, error: new Error('429') })),
    ),
    ...outages.flatMap((span) => outageActors(span, tell)),
    ...Array.from({ length: workers * (1 + others) }, (_, i) => workerOf(world, i < workers)),
    refresher,
  ]
  for (;;) {
    const next = actors.reduce((first, each) => (each.at < first.at ? each : first))
    if (!Number.isFinite(next.at)) return world.endedAt - BEGIN
    clock.now = Math.max(clock.now, next.at)
    await next.step()
  }
}

function once(at: number, call: () => void): Actor {
  const actor: Actor = {
    at,
    step() {
      actor.at = Number.POSITIVE_INFINITY
      call()
    },
  }
  return actor
}

function outageActors({ at, ms }: Span, tell: (event: BackfillEvent) => void): Actor[] {
  const waits = [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500].filter((after) => after < ms)
  const error = new Error('connect ECONNREFUSED')
  return [
    ...waits.map((after, i) =>
      once(BEGIN + at + after, () =>
        tell({ type: 'storeUnavailable', relay: RELAY, error, attempt: i + 1, waitMs: 500 * 2 ** i }),
      ),
    ),
    once(BEGIN + at + ms, () => tell({ type: 'storeAvailable', relay: RELAY, unavailableMs: ms })),
  ]
}

interface World extends Simulation {
  readonly rows: ReadonlyMap<string, Row>
  readonly clock: { now: number }
  tell(event: BackfillEvent): void
  random(): number
  endedAt: number
}

/** @param isOwn whether the follower hears of it; what other processes do, it reads from the rows */
function workerOf(world: World, isOwn: boolean): Actor {
  const { clock, pageMs = 100, pauses = [], outages = [] } = world
  const tell = isOwn ? world.tell : () => {}
  let row: Row | undefined
  const actor: Actor = {
    at: BEGIN,
    step() {
      if (row === undefined) {
        row = claim(world)
        actor.at = row === undefined ? nextLook(world) : clock.now
        if (row === undefined) return
        const { collection, pages, imported, invalid } = row
        tell({ type: 'collectionStarted', relay: RELAY, collection, pages, imported, invalid })
        actor.at = askAt(row)
        return
      }
      if (row.pages === row.failsAfter && row.attempts === 0) return fail(row)
      commit(row)
    },
  }

  /** When the answer to the next request is durable. */
  function askAt({ size, imported }: Row): number {
    const dids = Math.min(PAGE_SIZE, size - imported)
    const ms = pageMs * (1 + dids / 10_000) * (0.7 + 0.6 * world.random())
    return after(outages, after(pauses, clock.now) + ms)
  }

  function commit(at: Row): void {
    const { collection, invalid, size } = at
    const dids = Math.min(PAGE_SIZE, size - at.imported)
    at.pages += 1
    at.imported += dids
    const completed = at.imported >= size
    if (completed) at.state = 'complete'
    at.cursor = completed ? undefined : `${at.pages}`
    const { cursor, pages, imported } = at
    const given = DIDS.slice(0, dids)
    const totals = { invalid, cursor, pages, imported, completed, durationMs: 1 }
    tell({ type: 'requested', relay: RELAY, collection, durationMs: 1, repos: dids })
    tell({ type: 'page', relay: RELAY, collection, dids: given, added: dids, ...totals })
    world.endedAt = clock.now
    if (completed) row = undefined
    actor.at = completed ? clock.now : askAt(at)
  }

  function fail(at: Row): void {
    const retryInMs = world.setAside?.ms ?? 0
    const { collection } = at
    Object.assign(at, { state: 'pending', attempts: 1, dueAt: clock.now + retryInMs })
    tell({
      type: 'collectionFailed',
      relay: RELAY,
      collection,
      error: new Error('busy'),
      attempts: 1,
      retryInMs,
      restart: false,
    })
    row = undefined
    actor.at = clock.now
  }
  return actor
}

/** The largest that is free, by what is known of it. */
function claim({ rows, clock }: World): Row | undefined {
  const free = [...rows.values()].filter(({ state, dueAt }) => state === 'pending' && dueAt <= clock.now)
  const known = ({ estimatedRepos = 0, imported }: Row) => Math.max(estimatedRepos, imported)
  const [first] = free
  if (first === undefined) return undefined
  const row = free.reduce((most, each) => (known(each) > known(most) ? each : most), first)
  row.state = 'running'
  return row
}

function nextLook({ rows, clock }: World): number {
  const dues = [...rows.values()].filter(({ state }) => state === 'pending').map(({ dueAt }) => dueAt)
  const isRunning = [...rows.values()].some(({ state }) => state === 'running')
  if (dues.length > 0) return Math.min(...dues)
  return isRunning ? clock.now + 500 : Number.POSITIVE_INFINITY
}

/** The same moment, or the end of what it falls into. */
function after(spans: readonly Span[], at: number): number {
  const span = spans.find((each) => at >= BEGIN + each.at && at < BEGIN + each.at + each.ms)
  return span === undefined ? at : BEGIN + span.at + span.ms
}

function rowOf({ nsid, size, estimate, before = 0 }: SimulatedCollection, { setAside }: Simulation): Row {
  const imported = before >= size ? size : before - (before % PAGE_SIZE)
  return {
    relay: RELAY,
    collection: nsid,
    state: imported === size ? 'complete' : 'pending',
    pages: Math.ceil(imported / PAGE_SIZE),
    imported,
    invalid: 0,
    attempts: 0,
    flags: [],
    estimatedRepos: estimate,
    size,
    failsAfter: nsid === setAside?.nsid ? setAside.afterPages : Number.NaN,
    dueAt: BEGIN,
  }
}

function progressOf({ size, failsAfter, dueAt, ...row }: Row, now: number): CollectionProgress {
  const retryInMs = row.state === 'pending' && dueAt > now ? dueAt - now : undefined
  return { ...row, retryInMs, ...(row.state === 'running' ? { leaseLeftMs: 60_000, owner: 'worker' } : {}) }
}

/** Numbers from 0 to 1 that look random and are the same each time. */
function randomNumbers(): () => number {
  let seed = 1
  return () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
}

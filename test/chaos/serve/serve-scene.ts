import { join } from 'node:path'
import { startRelay } from '../../../src/testing/index.ts'
import { sleep } from '../../../src/util/abort.ts'
import { startFirehose } from '../../support/firehose.ts'
import { type Ended, freePort, type RunningProgram, startProgram } from '../../support/program.ts'
import { didsFrom } from '../../support/store-steps.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { seeded } from '../random.ts'
import { type LiveFigures, type LiveNetwork, liveNetwork } from './live-network.ts'
import { missingAndSurplus, readDirectory, type ServedDirectory } from './served-directory.ts'

export interface ServeSceneOptions {
  /** The program, as `atproto-collection-backfill` in a project that has it installed, or its source. */
  readonly program: string
  /** A Postgres for all instances. Absent: one instance with a file of SQLite. */
  readonly databaseUrl?: string | undefined
  readonly instances: number
  /** How often one of them is killed by SIGKILL. */
  readonly kills: number
  readonly seed: number
  /** Repos that the relay lists in the largest collection. */
  readonly repos: number
  readonly say?: (line: string) => void
}

export interface ServeSceneReport {
  readonly options: ServeSceneOptions
  /** Milliseconds after the start of the instance that was killed. */
  readonly killedAfterMs: readonly number[]
  readonly live: Readonly<LiveFigures>
  /** Pairs that relay and feed have said. */
  readonly pairs: number
  readonly missing: readonly string[]
  readonly surplus: readonly string[]
  /** From the first start until everything was served, in seconds. */
  readonly seconds: number
}

/** How long everything may take once nothing is killed any more, in milliseconds. */
const CALM_MS = 60_000
const POLL_MS = 50
/** Between two things that happen in the network, in milliseconds. */
const STEP_MS = 10
const LEAST_STEPS = 300

/**
 * From empty to serving, with kills on the way: a relay whose list never changes, a feed that goes on, and instances that
 * are killed at any moment and started again. In the end each serves what relay and feed have said together.
 */
export async function runServeScene(options: ServeSceneOptions): Promise<ServeSceneReport> {
  const { instances, kills, repos, say = () => {} } = options
  const random = seeded(options.seed)
  const startedAt = performance.now()
  const listed = {
    'app.bsky.actor.profile': didsFrom(0, repos),
    'app.bsky.feed.post': didsFrom(Math.floor(repos / 3), Math.floor(repos / 2)),
    'com.whtwnd.blog.entry': didsFrom(0, Math.ceil(repos / 50)),
  }
  await using relay = await startRelay({ collections: listed, latencyMs: 20 })
  await using firehose = await startFirehose()
  await using folder = await temporaryFolder()
  // Half of the writers are listed, half of them are new.
  const writers = [...didsFrom(Math.floor(repos / 3), 60), ...didsFrom(repos + 1_000, 60)]
  const network = await liveNetwork(firehose, listed, writers, random)
  const fleet = await Promise.all(
    Array.from({ length: instances }, async () =>
      instanceOf({ ...options, relay, firehose, port: await freePort(), folder: folder.path }),
    ),
  )
  const stop = new AbortController()
  try {
    for (const instance of fleet) instance.start()
    // What is told before the feed is followed is the backlog's to bring, and this relay's list never changes.
    const kept = Promise.withResolvers<void>()
    const living = live(network, fleet, { onKept: kept.resolve, signal: stop.signal })
    const killedAfterMs: number[] = []
    for (let i = 0; i < kills; i++) {
      const victim = random.pick(fleet)
      // At the start of everything, while the feed is followed, and while it brings something.
      if (i === Math.floor(kills / 3)) await Promise.race([kept.promise, living])
      if (i % 2 === 1) await untilFollowed([victim])
      await sleep(random.between(300, 2_500))
      killedAfterMs.push(await victim.killAndStart())
      say(`killed ${i + 1} of ${kills}, ${killedAfterMs.at(-1)} ms after its start`)
    }
    stop.abort()
    await living
    const marker = await network.mark()
    await Promise.all(fleet.map((instance) => untilServed(instance, marker)))
    const differences = await Promise.all(
      fleet.map(async ({ url }) =>
        missingAndSurplus(await readDirectory(url, [...network.truth.keys()]), network.truth),
      ),
    )
    return {
      options,
      killedAfterMs,
      live: network.figures,
      pairs: [...network.truth.values()].reduce((sum, { size }) => sum + size, 0),
      missing: told(
        differences.flatMap(({ missing }) => missing),
        network,
      ),
      surplus: told(
        differences.flatMap(({ surplus }) => surplus),
        network,
      ),
      seconds: (performance.now() - startedAt) / 1_000,
    }
  } finally {
    stop.abort()
    for (const instance of fleet) await instance[Symbol.asyncDispose]()
  }
}

/** Each pair with what the feed told of it. */
function told(pairs: readonly string[], { historyOf }: Pick<LiveNetwork, 'historyOf'>): string[] {
  return pairs.map((pair) => `${pair}: ${historyOf(pair.split(' ')[1] ?? '').join(', ')}`)
}

/** How long a pair that was told may take until it is served, in milliseconds, before it is taken for untold. */
const MARK_MS = 4_000

/** Begins once the place in the feed is kept, since this relay's list does not bring what was told before. Goes on until the signal aborts, and until enough has happened. */
async function live(
  network: LiveNetwork,
  fleet: readonly Instance[],
  { onKept, signal }: { onKept: () => void; signal: AbortSignal },
): Promise<void> {
  for (let isKept = false; !isKept; ) {
    await untilFollowed(fleet)
    const marker = await network.mark()
    isKept = await isServedWithin(MARK_MS, fleet, marker)
    if (!isKept) network.unmark(marker)
  }
  onKept()
  for (let steps = 0; !signal.aborted || steps < LEAST_STEPS; steps++) {
    await network.step()
    await sleep(STEP_MS)
  }
}

async function isServedWithin(ms: number, fleet: readonly Instance[], marker: string): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until; await sleep(POLL_MS)) {
    // One that is being killed or started answers nothing.
    const held = await Promise.all(
      fleet.map(({ url }) => readDirectory(url, [marker]).catch(() => new Map())),
    )
    if (held.some((each) => each.get(marker)?.size === 1)) return true
  }
  return false
}

/** Whether by one of them, or by another process. */
async function untilFollowed(fleet: readonly Instance[]): Promise<void> {
  const isFollowed = async () =>
    (await Promise.all(fleet.map(({ health }) => health()))).some(
      ({ feed }) => feed === 'following' || feed === 'standby',
    )
  while (!(await isFollowed())) await sleep(POLL_MS)
}

/** All of the backlog, and of the feed up to the marker. */
async function untilServed({ url, health, end }: Instance, marker: string): Promise<void> {
  const until = performance.now() + CALM_MS
  for (;;) {
    const { backlog, feed } = await health()
    const held = backlog === 'complete' ? (await readDirectory(url, [marker])).get(marker) : undefined
    if (held?.size === 1) return
    if (performance.now() > until)
      throw new Error(`Not served in time: backlog ${backlog}, feed ${feed}. It said: ${await end()}`)
    await sleep(POLL_MS)
  }
}

interface Instance extends ServedDirectory, AsyncDisposable {
  start(): void
  /** @returns how long it had lived, in milliseconds */
  killAndStart(): Promise<number>
  /** Ends it. @returns what it had said since its start */
  end(): Promise<string>
}

interface InstanceParts extends ServeSceneOptions {
  readonly relay: { readonly url: string; readonly gardenUrl: string }
  readonly firehose: { readonly url: string }
  readonly port: number
  readonly folder: string
}

function instanceOf({ program, databaseUrl, relay, firehose, port, folder }: InstanceParts): Instance {
  const where =
    databaseUrl === undefined ? ['--data', join(folder, 'index.sqlite')] : ['--database', databaseUrl]
  const args = [
    ...[
      'serve',
      '--relay',
      relay.url,
      '--feed',
      firehose.url,
      '--source',
      `garden=${relay.gardenUrl}`,
      'observed',
    ],
    ...['--port', String(port), '--listen', '127.0.0.1', '--page-size', '500', ...where],
  ]
  const url = `http://127.0.0.1:${port}`
  let running: RunningProgram | undefined
  let startedAt = 0
  /** What it said when it ended by itself, which it never does. */
  let ended: Ended | undefined
  const start = () => {
    startedAt = performance.now()
    const started = startProgram(program, { args, env: { RELAY: undefined, DATABASE_URL: undefined } })
    running = started
    void started.ended.then((end) => {
      if (end.code !== 'SIGKILL') ended = end
    })
  }
  const kill = async () => {
    running?.kill('SIGKILL')
    await running?.ended
  }
  return {
    url,
    start,
    async health() {
      if (ended !== undefined) throw new Error(`It ended by itself: ${JSON.stringify(ended)}`)
      // While it starts, nothing answers.
      const answer = await fetch(`${url}/_health`).catch(() => undefined)
      return (await answer?.json().catch(() => undefined)) ?? {}
    },
    async killAndStart() {
      const livedMs = Math.round(performance.now() - startedAt)
      await kill()
      start()
      return livedMs
    },
    async end() {
      await kill()
      const said = await running?.ended
      return `${said?.stdout}${said?.stderr}`
    },
    async [Symbol.asyncDispose]() {
      await running?.[Symbol.asyncDispose]()
    },
  }
}

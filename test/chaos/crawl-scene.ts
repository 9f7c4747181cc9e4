import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openPostgres } from '../../src/postgres/index.ts'
import { startNetwork, type TestNetwork } from '../../src/testing/index.ts'
import { sleep } from '../../src/util/abort.ts'
import type { CrawlWorkerLine, CrawlWorkerOptions } from './crawl-worker.ts'
import { startChild, type WorkerProcess } from './worker-process.ts'

/** A network of hosts whose sizes are a power law, and processes that crawl it and are killed. */
export interface CrawlScene {
  readonly hosts: number
  readonly repos: number
  readonly workers: number
  /** The pace of a host; a group of hosts shares one and a quarter of it. Real ones take 8 and 10. */
  readonly requestsPerSecond: number
  /** How often a process is killed, or stopped for longer than its lease, in milliseconds. */
  readonly disturbEveryMs: number
  /**
   * Hosts that each process asks at once. With a pace ten times the real one, a few hosts are as much as a process can
   * ask; with more, no page would come to its end before the next kill.
   */
  readonly concurrency: number
  /** Repos in a page. */
  readonly pageSize: number
}

export const CRAWL_SCENE: CrawlScene = {
  hosts: 2_800,
  repos: 300_000,
  workers: 3,
  requestsPerSecond: 80,
  disturbEveryMs: 20_000,
  concurrency: 24,
  pageSize: 50,
}

/** What came of it. */
export interface CrawlReport {
  readonly seconds: number
  readonly kills: number
  readonly pauses: number
  readonly requests: number
  readonly refused: number
  /** What the workers told, by event. */
  readonly told: ReadonlyMap<string, number>
  /** The most of any process, in bytes. */
  readonly memory: number
  readonly pairsExpected: number
  readonly pairsHeld: number
  /** The most requests to one host, and to the group, in a second, as they came; and what they may be. */
  readonly busiest: number
  readonly groupBusiest: number
  readonly allowed: number
  readonly groupAllowed: number
  /** Repos that were asked for more than once, in requests. */
  readonly repeated: number
  /** What is not as it should be. */
  readonly broken: readonly string[]
}

const GROUP = 'pds-#.shared.example.net'
const LEASE_MS = 10_000
const DESCRIBE = '/xrpc/com.atproto.repo.describeRepo'
const COLLECTIONS = {
  'app.bsky.actor.profile': 0.9,
  'app.bsky.feed.post': 0.6,
  'app.bsky.feed.like': 0.55,
  'com.whtwnd.blog.entry': 0.02,
  'fyi.unravel.frontpage.post': 0.01,
}
/** Without a bound, Node's heap takes what the machine has before it is cleaned up: four times of what is in use. */
const HEAP = ['--max-old-space-size=96', '--max-semi-space-size=8']
/** The most memory of a process, in bytes. */
export const MOST_MEMORY = 250_000_000

/** How many repos each host has: the largest ones most of them, and hundreds of hosts one or two. */
function sizesOf({ hosts, repos }: CrawlScene, exponent = 1.05): number[] {
  const weights = Array.from({ length: hosts }, (_, place) => (place + 5) ** -exponent)
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((weight) => Math.max(1, Math.round((weight * repos) / sum)))
}

/** 1 % are down, 2 % slow, and some share a limit. */
function startCrawlNetwork(scene: CrawlScene): Promise<TestNetwork> {
  const sizes = sizesOf(scene)
  const part = (share: number) => Math.max(1, Math.round(scene.hosts * share))
  /** Every so-and-so-many-th of them, so that a group has hosts of all sizes. */
  const take = (count: number, from: number) => {
    const step = Math.floor((sizes.length - from) / count)
    return Array.from({ length: count }, (_, i) => sizes.splice(from + i * (step - 1), 1)[0] ?? 1)
  }
  const shared = take(part(0.01), 8)
  const down = take(part(0.01), 20)
  const slow = take(part(0.02), 40)
  const groupRate = scene.requestsPerSecond * 1.25
  return startNetwork({
    seed: 18,
    collections: COLLECTIONS,
    states: { deactivated: 0.05, takendown: 0.01, suspended: 0.005 },
    hosts: [
      {
        name: 'pds-#.example.net',
        count: sizes.length,
        repos: (i) => sizes[i] ?? 1,
        latencyMs: ({ n }) => 5 + (n % 30),
      },
      {
        name: GROUP,
        count: shared.length,
        repos: (i) => shared[i] ?? 1,
        // As bsky.network: so many in 300 s, for all of them.
        limit: { requests: groupRate * 30, windowMs: 30_000, shared: true },
      },
      { name: 'down-#.example.net', count: down.length, repos: (i) => down[i] ?? 1, down: true },
      {
        name: 'slow-#.example.net',
        count: slow.length,
        repos: (i) => slow[i] ?? 1,
        latencyMs: ({ path }) => (path === DESCRIBE ? 300 : 2_000),
      },
    ],
  })
}

interface SceneParts {
  readonly databaseUrl: string
  readonly signal: AbortSignal
  say(line: string): void
}

export async function runCrawlScene(
  scene: CrawlScene,
  { databaseUrl, signal, say }: SceneParts,
): Promise<CrawlReport> {
  await using network = await startCrawlNetwork(scene)
  const lag = monitorEventLoopDelay({ resolution: 1 })
  lag.enable()
  const told = new Map<string, number>()
  const figures = { kills: 0, pauses: 0, memory: 0, described: 0, completed: 0 }
  const startedAt = performance.now()
  const back = network.hostsOf('down-#.example.net')
  const groupRate = scene.requestsPerSecond * 1.25
  const options: CrawlWorkerOptions = {
    databaseUrl,
    networkUrl: network.url,
    requestsPerSecond: scene.requestsPerSecond,
    sharedLimits: [{ hosts: '*.shared.example.net', requestsPerSecond: groupRate }],
    setAsideMs: 2_000,
    maxAttempts: 1_000,
    leaseMs: LEASE_MS,
    concurrency: scene.concurrency,
    pageSize: scene.pageSize,
  }
  const unexpected: string[] = []
  const hear = (line: CrawlWorkerLine) => {
    if (line.event === 'page') {
      figures.described += line.described
      figures.completed += line.completed ? 1 : 0
      // What was down comes back when most is done.
      if (figures.completed > 0.9 * scene.hosts)
        for (const host of back) network.change(host, { down: false })
    }
    if (line.event === 'told') told.set(line.what, (told.get(line.what) ?? 0) + 1)
    if (line.event === 'memory') figures.memory = Math.max(figures.memory, line.bytes)
    if (line.event === 'ended') unexpected.push(line.error)
  }
  const alive = new Set<WorkerProcess>()
  async function keepOne(): Promise<void> {
    for (;;) {
      const worker = startChild<CrawlWorkerLine>('./crawl-worker.ts', { options, hear, flags: HEAP })
      alive.add(worker)
      const { killed, code, stderr } = await worker.ended
      alive.delete(worker)
      if (killed && !signal.aborted) continue
      if (code !== 0 && !killed) unexpected.push(`a worker ended with ${code}: ${stderr}`)
      return
    }
  }
  const done = new AbortController()
  const disturbing = disturb(alive, {
    everyMs: scene.disturbEveryMs,
    figures,
    say,
    signal: done.signal,
    network,
  })
  try {
    await Promise.all(Array.from({ length: scene.workers }, keepOne))
  } finally {
    done.abort()
    for (const worker of alive) worker.kill()
    await disturbing
  }
  const seconds = (performance.now() - startedAt) / 1000
  lag.disable()
  return verdict({ scene, network, databaseUrl, figures, told, seconds, lagMs: lag.max / 1e6, unexpected })
}

interface Disturbing {
  readonly everyMs: number
  readonly figures: { kills: number; pauses: number; described: number; completed: number }
  readonly signal: AbortSignal
  readonly network: TestNetwork
  say(line: string): void
}

/** Kills one worker after the other; each third time, one is stopped for longer than its lease. */
async function disturb(
  alive: ReadonlySet<WorkerProcess>,
  { everyMs, figures, signal, network, say }: Disturbing,
): Promise<void> {
  for (let n = 1; ; n += 1) {
    await sleep(everyMs, signal).catch(() => {})
    if (signal.aborted) return
    const worker = [...alive][n % alive.size]
    say(
      `${figures.completed} hosts complete, ${figures.described} repos, ${network.inFlight} requests under way`,
    )
    if (worker === undefined) continue
    if (n % 3 === 0) {
      worker.pause()
      figures.pauses += 1
      await sleep(1.5 * LEASE_MS, signal).catch(() => {})
      worker.resume()
    } else {
      worker.kill()
      figures.kills += 1
    }
  }
}

interface Judged {
  readonly scene: CrawlScene
  readonly network: TestNetwork
  readonly databaseUrl: string
  readonly figures: { kills: number; pauses: number; memory: number }
  readonly told: ReadonlyMap<string, number>
  readonly seconds: number
  /** The longest that the network's process did not look at its requests, in milliseconds. */
  readonly lagMs: number
  readonly unexpected: readonly string[]
}

async function verdict({
  scene,
  network,
  databaseUrl,
  figures,
  told,
  ...rest
}: Judged): Promise<CrawlReport> {
  const broken = [...rest.unexpected]
  const { expected, held } = await comparePairs(network, databaseUrl, broken)
  const books = network.hosts.map((host) => network.asked(host))
  const busiest = Math.max(...books.map((book) => book.busiest(1000)))
  const groupBusiest = network.askedGroup(GROUP).busiest(1000)
  // What was sent in time while the network's process was busy is all read at once.
  const allowedOf = (rate: number) => Math.ceil(rate * (1 + rest.lagMs / 1000)) + 1
  const [allowed, groupAllowed] = [
    allowedOf(scene.requestsPerSecond),
    allowedOf(scene.requestsPerSecond * 1.25),
  ]
  if (busiest > allowed) broken.push(`a host had ${busiest} requests in a second, not ${allowed}`)
  if (groupBusiest > groupAllowed)
    broken.push(`the group had ${groupBusiest} requests in a second, not ${groupAllowed}`)
  if (figures.memory > MOST_MEMORY) broken.push(`a process took ${figures.memory} bytes`)
  const asked = books.reduce((sum, { paths }) => sum + (paths[DESCRIBE] ?? 0), 0)
  const active = [...network.accounts()].filter(({ state }) => state === 'active').length
  return {
    ...figures,
    seconds: rest.seconds,
    told,
    requests: books.reduce((sum, { requests }) => sum + requests, 0),
    refused: books.reduce((sum, { refused }) => sum + refused, 0),
    pairsExpected: expected,
    pairsHeld: held,
    busiest,
    groupBusiest,
    allowed,
    groupAllowed,
    repeated: asked - active,
    broken,
  }
}

async function comparePairs(network: TestNetwork, databaseUrl: string, broken: string[]) {
  await using store = await openPostgres(databaseUrl)
  let [expected, held] = [0, 0]
  for (const collection of Object.keys(COLLECTIONS)) {
    const missing = new Set(network.dids(collection))
    expected += missing.size
    let surplus = 0
    let cursor: string | undefined
    do {
      const page = await store.index.listRepos(collection, { limit: 10_000, ...(cursor && { cursor }) })
      for (const did of page.dids) surplus += missing.delete(did) ? 0 : 1
      held += page.dids.length
      cursor = page.cursor
    } while (cursor !== undefined)
    if (missing.size + surplus > 0) broken.push(`${collection}: ${missing.size} missing, ${surplus} too many`)
  }
  return { expected, held }
}

import { abortable, sleep } from '../../src/util/abort.ts'
import type { PageLine, WorkerLine, WorkerOptions } from './worker-lines.ts'
import { startWorker, type WorkerProcess } from './worker-process.ts'

/** A page of which a worker said that it is durable. */
export interface SaidPage extends PageLine {
  readonly worker: WorkerProcess
}

/** What the workers said so far, all together. */
export interface FleetFigures {
  readonly pages: readonly SaidPage[]
  /** How often each other thing was said. */
  readonly said: ReadonlyMap<WorkerLine['event'], number>
  /** Collections put off, by the error's code. */
  readonly failed: ReadonlyMap<string, number>
  /** Processes that ended by themselves before everything was complete, by the error's code. */
  readonly ended: ReadonlyMap<string, number>
  /** Ends that nothing explains which was done to the workers. */
  readonly unexplained: readonly string[]
}

/** Worker processes, each followed by a new one until everything is complete. */
export interface Fleet extends AsyncDisposable {
  readonly figures: FleetFigures
  /** Those that run and are not paused. */
  running(): readonly WorkerProcess[]
  /** Resolves when every worker has found everything complete, those again that had found it so before. */
  finish(): Promise<void>
}

/** Between the end of a run that failed and the next one, in milliseconds. */
const AGAIN_MS = 200

/** What a run may end with while the relay and the database come and go. */
const EXPLAINED: ReadonlySet<string> = new Set([
  'INCOMPLETE',
  'STORE_UNAVAILABLE',
  'RELAY_STATUS',
  'RELAY_UNREACHABLE',
  'RELAY_TIMEOUT',
  'RELAY_BAD_ANSWER',
])

export function startFleet(size: number, options: Omit<WorkerOptions, 'name'>): Fleet {
  const pages: SaidPage[] = []
  const said = new Map<WorkerLine['event'], number>()
  const failed = new Map<string, number>()
  const ended = new Map<string, number>()
  const unexplained: string[] = []
  const alive = new Set<WorkerProcess>()
  const closing = new AbortController()
  const calm = Promise.withResolvers<void>()
  let isCalm = false

  /** @returns whether it found everything complete */
  async function runOne(name: string): Promise<boolean> {
    let code = ''
    const worker = startWorker({ ...options, name }, (line) => {
      count(said, line.event)
      if (line.event === 'page') pages.push({ ...line, worker })
      if (line.event === 'collection failed') count(failed, line.code)
      if (line.event !== 'ended') return
      code = line.code
      if (!EXPLAINED.has(code)) unexplained.push(line.error)
    })
    alive.add(worker)
    const ending = await worker.ended
    alive.delete(worker)
    if (ending.killed) return false
    if (ending.code === 0) return true
    count(ended, code)
    if (code === '') unexplained.push(`${name} ended with ${ending.code}: ${ending.stderr}`)
    await sleep(AGAIN_MS, closing.signal)
    return false
  }

  /** What is complete may be so no more after a database has lost its last commits, so it is looked at again. */
  async function keepOne(slot: number): Promise<void> {
    for (let n = 1; !closing.signal.aborted; n += 1) {
      const isComplete = await runOne(`chaos ${slot}.${n}`)
      if (isComplete && isCalm) return
      if (isComplete) await abortable(calm.promise, closing.signal)
    }
  }

  const slots = Array.from({ length: size }, (_, slot) => keepOne(slot + 1))
  // Met in finish; where that is never called, the fleet is closing.
  for (const slot of slots) slot.catch(() => {})
  return {
    figures: { pages, said, failed, ended, unexplained },
    running: () => [...alive].filter(({ paused }) => !paused),
    async finish() {
      isCalm = true
      calm.resolve()
      await Promise.all(slots)
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      for (const worker of alive) worker.kill()
      await Promise.allSettled(slots)
    },
  }
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ClaimHolder } from '../../src/index.ts'
import { abortable } from '../../src/util/abort.ts'
import type { RetryPolicy } from '../../src/util/retry.ts'

/** When the consumer in a child has had enough, and what it does then. */
export interface Stop {
  /** `told`: when the parent calls {@link FaultProcess.tell}. */
  at: 'beforehand' | 'started' | 'told' | 'commit' | 'backoff' | 'page'
  /** The how manieth such moment. @default 1 */
  nth?: number | undefined
  how: 'abort' | 'abort twice' | 'break' | 'throw' | 'stay away'
}

/** What a backfill in a process of its own is told. */
export interface FaultChildOptions {
  /** What it calls itself, to the database as its application and to the relay as its user agent. */
  name: string
  databaseUrl: string
  relayUrl: string
  collections: readonly string[]
  pageSize: number
  leaseMs: number
  concurrency: number
  /** 1 for a test that counts lines: pages that wait for a commit are committed together, and are one event. */
  pagesAhead?: number | undefined
  retry?: Partial<RetryPolicy> | undefined
  stop?: Stop | undefined
}

/** What such a process says. */
export type Line =
  | { event: 'opened' }
  | { event: 'started' | 'page'; collection: string; cursor?: string | undefined; pages: number }
  | { event: 'completed' | 'claim lost'; collection: string }
  | { event: 'failed'; collection: string; error: string }
  | { event: 'retry'; error: string }
  | { event: 'paused'; waitMs: number }
  | { event: 'waiting'; holders: readonly ClaimHolder[] }
  | { event: 'store unavailable'; error: string; attempt: number }
  | { event: 'unhandled'; error: string }
  /** The run is over, so long after the consumer had enough; `own` when it rejected with the consumer's own error. */
  | { event: 'done'; ms: number }
  | { event: 'ended'; ms: number; own: boolean; error: string }
  /** After the run: what the process still holds once its database is closed. */
  | { event: 'left'; resources: readonly string[] }

export interface FaultProcess extends AsyncDisposable {
  readonly pid: number | undefined
  readonly lines: readonly Line[]
  /** Reads on to the line that is looked for; rejects when the process ends without it, or takes too long. */
  until(isIt: (line: Line) => boolean): Promise<Line>
  /** Reads on to the end of the process, which must come by itself. */
  finish(): Promise<{ code: number | null; lines: readonly Line[] }>
  tell(): void
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  /** SIGKILL, and waits until the process is gone. */
  kill(): Promise<void>
}

/** Longer than any step of a child takes on a busy machine. */
const PATIENCE_MS = 25_000

/**
 * Starts a backfill in a process of its own, which is killed at the latest where it is disposed of.
 *
 * @param clock how wrong its clock is, in milliseconds, or `jumping`
 */
export function startFaultProcess(options: FaultChildOptions, clock: number | 'jumping' = 0): FaultProcess {
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
  const preload = clock === 0 ? [] : ['--import', new URL('./wrong-clock.ts', import.meta.url).href]
  const child = spawn(process.execPath, [...preload, path('./fault-child.ts'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, WRONG_CLOCK: String(clock) },
  })
  const exited = once(child, 'exit')
  const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const lines: Line[] = []

  async function patiently<T>(promise: Promise<T>): Promise<T> {
    const patience = new AbortController()
    const late = () => new Error(`${options.name} takes too long after ${JSON.stringify(lines.at(-1))}`)
    const timer = setTimeout(() => patience.abort(late()), PATIENCE_MS)
    try {
      return await abortable(promise, patience.signal)
    } finally {
      clearTimeout(timer)
    }
  }

  async function nextLine(): Promise<Line | undefined> {
    const { value, done } = await patiently(output.next())
    if (done) return undefined
    const line = JSON.parse(value) as Line
    lines.push(line)
    return line
  }

  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await exited
  }

  return {
    pid: child.pid,
    lines,
    kill,
    tell: () => child.kill('SIGUSR2'),
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async until(isIt) {
      for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
        if (isIt(line)) return line
      }
      throw new Error(`${options.name} ended before the line that was waited for.`)
    },
    async finish() {
      while ((await nextLine()) !== undefined);
      const [code] = await patiently(exited)
      return { code, lines }
    },
    [Symbol.asyncDispose]: kill,
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { BackfillSummary } from '../../src/index.ts'

/** What a backfill in a process of its own is told. */
export interface BackfillProcessOptions {
  /** What it calls itself, to the database as its application and to the relay as its user agent. */
  name: string
  databaseUrl: string
  relayUrl: string
  collections: readonly string[]
  pageSize: number
  leaseMs: number
  concurrency: number
}

/** Where a walk is. */
export interface WalkLine {
  event: 'started' | 'page'
  collection: string
  cursor?: string | undefined
  pages: number
  imported: number
  /** Of a page: how many pairs were new. */
  added?: number | undefined
}

/** What such a process says, in the order in which it happened. */
export type BackfillLine = WalkLine | { event: 'done'; summary: BackfillSummary }

export interface BackfillProcess extends AsyncDisposable {
  /** What it has said so far. */
  readonly lines: readonly BackfillLine[]
  /** Reads on to the line that is looked for; rejects when the process ends without it. */
  until(isIt: (line: WalkLine) => boolean): Promise<void>
  /** Reads on to the end. */
  finish(): Promise<{ code: number | null; summary: BackfillSummary | undefined }>
  /** SIGKILL, and waits until the process is gone. */
  kill(): Promise<void>
}

/** Starts a backfill in a process of its own, which is killed at the latest where it is disposed of. */
export function startBackfillProcess(options: BackfillProcessOptions): BackfillProcess {
  const entry = fileURLToPath(new URL('./backfill-child.ts', import.meta.url))
  const child = spawn(process.execPath, [entry, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const lines: BackfillLine[] = []

  async function nextLine(): Promise<BackfillLine | undefined> {
    const { value, done } = await output.next()
    if (done) return undefined
    const line = JSON.parse(value) as BackfillLine
    lines.push(line)
    return line
  }

  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await exited
  }

  return {
    lines,
    kill,
    async until(isIt) {
      for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
        if (line.event !== 'done' && isIt(line)) return
      }
      throw new Error(`${options.name} ended before the line that was waited for.`)
    },
    async finish() {
      let summary: BackfillSummary | undefined
      for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
        if (line.event === 'done') summary = line.summary
      }
      const [code] = await exited
      return { code, summary }
    },
    [Symbol.asyncDispose]: kill,
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { WorkerLine, WorkerOptions } from './worker-lines.ts'

/** How a process ended. */
export interface Ending {
  /** 0: it found everything complete. Nothing when a signal ended it. */
  readonly code: number | null
  /** Whether it was killed here. */
  readonly killed: boolean
  /** The last of what it wrote to stderr. */
  readonly stderr: string
}

export interface WorkerProcess {
  readonly paused: boolean
  readonly ended: Promise<Ending>
  /** SIGKILL. */
  kill(): void
  /** SIGSTOP. */
  pause(): void
  /** SIGCONT; nothing when it has ended meanwhile. */
  resume(): void
}

const MAX_STDERR = 4000

export function startWorker(options: WorkerOptions, hear: (line: WorkerLine) => void): WorkerProcess {
  return startChild('./worker.ts', { options, hear })
}

interface ChildParts<Line> {
  readonly options: object
  readonly hear: (line: Line) => void
  /** Of Node. */
  readonly flags?: readonly string[]
}

/** Starts a process that says what happens in lines of JSON. @param file of this folder */
export function startChild<Line>(
  file: string,
  { options, hear, flags = [] }: ChildParts<Line>,
): WorkerProcess {
  const entry = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [...flags, entry], { stdio: 'pipe' })
  let killed = false
  let paused = false
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-MAX_STDERR)
  })
  // One that ends early tells by its exit; the broken pipe adds nothing to it.
  child.stdin.on('error', () => {})
  child.stdin.write(`${JSON.stringify(options)}\n`)
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = parse<Line>(text)
    if (line !== undefined) hear(line)
  })
  return {
    get paused() {
      return paused
    },
    ended: once(child, 'close').then(([code]) => ({ code, killed, stderr })),
    kill() {
      killed = true
      child.kill('SIGKILL')
    },
    pause() {
      paused = child.kill('SIGSTOP')
    },
    resume() {
      paused = false
      child.kill('SIGCONT')
    },
  }
}

/** Nothing for a line in which its process was killed. */
function parse<Line>(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line
  } catch {
    return undefined
  }
}

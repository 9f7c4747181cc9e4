import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'

export interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program as a process of its own; disposing of it ends it. */
export interface RunningProgram extends AsyncDisposable {
  /** The first match in what it has said or will say on stdout. Rejects when it ends before that. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
  /** Reads no more, and lets the program know. */
  closeStdout(): void
  closeStderr(): void
  readonly ended: Promise<Ended>
}

export interface ProgramOptions {
  readonly args?: readonly string[]
  /** Beside the environment of the tests; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Modules that are loaded before the program. */
  readonly imports?: readonly string[]
}

/** @param file a program for Node, also in TypeScript */
export function startProgram(
  file: string,
  { args = [], env = {}, cwd, imports = [] }: ProgramOptions = {},
): RunningProgram {
  const loaded = imports.flatMap((module) => ['--import', module])
  const child = spawn(process.execPath, [...loaded, file, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = endOf(child)
  return {
    ended,
    until: (pattern) => matchIn(child.stdout, pattern, ended),
    kill: (signal) => child.kill(signal),
    closeStdout: () => child.stdout.destroy(),
    closeStderr: () => child.stderr.destroy(),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs a program to its end. */
export async function runProgram(file: string, options?: ProgramOptions): Promise<Ended> {
  await using program = startProgram(file, options)
  return await program.ended
}

async function endOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      text[stream] += chunk
    })
  }
  const [code, signal] = await once(child, 'close')
  return { code: code ?? signal, ...text }
}

async function matchIn(stdout: Readable, pattern: RegExp, ended: Promise<Ended>): Promise<RegExpExecArray> {
  const found = Promise.withResolvers<RegExpExecArray>()
  let text = ''
  const onData = (chunk: string) => {
    text += chunk
    const match = pattern.exec(text)
    if (match) found.resolve(match)
  }
  stdout.on('data', onData)
  const early = ended.then(({ code, stderr }) => {
    throw new Error(`The program ended with ${code} before it said ${pattern}: ${text}${stderr}`)
  })
  try {
    return await Promise.race([found.promise, early])
  } finally {
    stdout.off('data', onData)
    early.catch(() => {})
  }
}

/** A port that is free now, to be used by several processes after each other. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** An example as a process of its own; disposing of it ends it. */
export interface RunningExample extends AsyncDisposable {
  /** The first match in what it has said or will say on stdout. Rejects when it ends before that. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
}

export interface ExampleOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** @param path below `examples/` */
export function startExample(
  path: string,
  { args = [], env = {}, cwd }: ExampleOptions = {},
): RunningExample {
  const fromSource = new URL('./from-source.ts', import.meta.url).href
  const example = fileURLToPath(new URL(`../../examples/${path}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', fromSource, example, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = endOf(child)
  return {
    ended,
    until: (pattern) => matchIn(child.stdout, pattern, ended),
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs an example to its end. */
export async function runExample(path: string, options?: ExampleOptions): Promise<Ended> {
  await using example = startExample(path, options)
  return await example.ended
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
    throw new Error(`The example ended with ${code} before it said ${pattern}: ${text}${stderr}`)
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

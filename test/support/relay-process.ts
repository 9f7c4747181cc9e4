import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type RelayContents, relayContents } from '../../src/testing/contents.ts'
import type { TestRelayOptions } from '../../src/testing/index.ts'

/** Options that can be sent to another process. */
export interface RelayProcessOptions extends Omit<TestRelayOptions, 'script' | 'latencyMs'> {
  latencyMs?: number | undefined
}

/** A test relay that runs in a process of its own, so that it takes no time from the one that is tested. */
export interface RelayProcess extends RelayContents, AsyncDisposable {
  readonly url: string
  readonly gardenUrl: string
  readonly pid: number | undefined
}

export async function startRelayProcess(options: RelayProcessOptions): Promise<RelayProcess> {
  const entry = fileURLToPath(new URL('./relay-child.ts', import.meta.url))
  const child = spawn(process.execPath, [entry], { stdio: ['pipe', 'pipe', 'inherit'] })
  // A child that ends early says why on stderr; the broken pipe adds nothing to it.
  child.stdin.on('error', () => {})
  child.stdin.write(`${JSON.stringify(options)}\n`)
  const { url, error } = JSON.parse(await firstLine(child)) as { url?: string; error?: string }
  if (url === undefined) throw new Error(error)
  return {
    ...relayContents(options),
    url,
    gardenUrl: `${url}/llms.txt`,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

async function firstLine(child: ChildProcessByStdio<Writable, Readable, null>): Promise<string> {
  const lines = createInterface({ input: child.stdout })
  const line = once(lines, 'line').then(([first]) => String(first))
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The relay process ended with ${code} before it was listening.`)
  })
  return await Promise.race([line, ended])
}

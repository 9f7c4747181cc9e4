import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process of its own that is spoken to in lines of JSON; disposing of it closes its stdin, at which it ends. */
export interface Child extends AsyncDisposable {
  say(line: unknown): void
  /** The next line that it says. Rejects when it ends before. */
  hear<T>(): Promise<T>
}

/**
 * @param file a program, seen from this one, which ends when its stdin does
 * @param options its first line
 */
export function startChild(file: string, options: unknown, nodeOptions: readonly string[] = []): Child {
  const entry = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [...nodeOptions, entry], { stdio: ['pipe', 'pipe', 'inherit'] })
  // A child that ends early says why on stderr; the broken pipe adds nothing to it.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const say = (line: unknown) => child.stdin.write(`${JSON.stringify(line)}\n`)
  say(options)
  return {
    say,
    async hear<T>() {
      const { done, value } = await lines.next()
      if (done) throw new Error(`${file} ended before it said what it was asked for.`)
      return JSON.parse(value) as T
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await endOf(child)
    },
  }
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** In a child: the lines from its parent. */
export interface Parent {
  /** The next line. Undefined when the parent wants the child to end. */
  hear<T>(): Promise<T | undefined>
  say(line: unknown): void
}

/** In a child, once. It ends the process with its stdin, so that none outlives the one that started it. */
export function parent(): Parent {
  const input = createInterface({ input: process.stdin })
  const lines = input[Symbol.asyncIterator]()
  input.once('close', () => process.exit())
  return {
    async hear<T>() {
      const { done, value } = await lines.next()
      return done ? undefined : (JSON.parse(value) as T)
    },
    // On a pipe, writing is synchronous: nothing that was said is lost at the end.
    say: (line) => console.log(JSON.stringify(line)),
  }
}

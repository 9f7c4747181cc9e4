import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '../../src/cli/command-line.ts'
import { type Ended, type ProgramOptions, type RunningProgram, startProgram } from './program.ts'

/** The command line, from source. */
export const CLI: string = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Variables that the machine may have set, and that these tests are not about. */
const UNSET = { RELAY: undefined, DATABASE_URL: undefined, FORCE_COLOR: undefined, NO_COLOR: undefined }

/** A command as a process of its own, as a user has it. */
export function startCli(args: readonly string[], options: ProgramOptions = {}): RunningProgram {
  return startProgram(CLI, { ...options, args, env: { ...UNSET, ...options.env } })
}

/** Runs a command to its end as a process of its own. */
export async function cliProcess(args: readonly string[], options?: ProgramOptions): Promise<Ended> {
  await using program = startCli(args, options)
  return await program.ended
}

/**
 * Runs a command to its end in this process, with an environment and a working directory that are given back: one at a
 * time. A process of its own takes a second to start. An abort of the signal is as Ctrl-C.
 */
export async function cli(
  args: readonly string[],
  {
    env = {},
    cwd,
    signal = new AbortController().signal,
  }: Pick<ProgramOptions, 'env' | 'cwd'> & { readonly signal?: AbortSignal } = {},
): Promise<Ended> {
  using _surroundings = surroundedBy({ ...UNSET, ...env }, cwd)
  const out = captured()
  const err = captured()
  const code = await runCommandLine(args, {
    out: out.stream,
    err: err.stream,
    env: process.env,
    interruption: {
      signal,
      get exitCode() {
        return signal.aborted ? 130 : 0
      },
      isAsked: true,
      [Symbol.dispose]() {},
    },
  })
  return { code, stdout: out.text(), stderr: err.text() }
}

/** A stream that is no terminal, and what was written to it. */
function captured(): { stream: NodeJS.WriteStream; text: () => string } {
  let text = ''
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, written) {
      text += chunk
      written()
    },
  })
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

/** Sets variables, or takes them away, and changes into a folder. */
function surroundedBy(env: Readonly<Record<string, string | undefined>>, cwd = process.cwd()): Disposable {
  const before = { env: { ...process.env }, cwd: process.cwd() }
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  process.chdir(cwd)
  return {
    [Symbol.dispose]() {
      process.chdir(before.cwd)
      for (const name of Object.keys(env)) {
        const value = before.env[name]
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    },
  }
}

/** `run` from a relay into a Postgres. */
export function runOn(relay: { url: string }, postgres: { url: string }, ...more: string[]): string[] {
  return ['run', '--relay', relay.url, '--database', postgres.url, ...more]
}

/** What `--json` printed, line by line: each must be an object. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const value: unknown = JSON.parse(line)
      if (typeof value !== 'object' || value === null) throw new Error(`Not an object: ${line}`)
      return value as Record<string, unknown>
    })
}

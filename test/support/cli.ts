import { fileURLToPath } from 'node:url'
import { type Ended, type ProgramOptions, type RunningProgram, startProgram } from './program.ts'

/** The command line, from source. */
export const CLI: string = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Variables that the machine may have set, and that these tests are not about. */
const UNSET = { RELAY: undefined, DATABASE_URL: undefined, FORCE_COLOR: undefined, NO_COLOR: undefined }

export function startCli(args: readonly string[], options: ProgramOptions = {}): RunningProgram {
  return startProgram(CLI, { ...options, args, env: { ...UNSET, ...options.env } })
}

/** Runs a command to its end. */
export async function cli(args: readonly string[], options?: ProgramOptions): Promise<Ended> {
  await using program = startCli(args, options)
  return await program.ended
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

import { fileURLToPath } from 'node:url'
import { type Ended, type ProgramOptions, type RunningProgram, startProgram } from '../support/program.ts'

export type ExampleOptions = ProgramOptions

const imports: readonly string[] = [new URL('./from-source.ts', import.meta.url).href]
/** Node's SQLite warns that it is experimental, unless it is told not to. */
const QUIET = '--disable-warning=ExperimentalWarning'
const fileOf = (path: string) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url))

/** @param path below `examples/` */
export function startExample(path: string, options: ExampleOptions = {}): RunningProgram {
  const env = { NODE_OPTIONS: QUIET, ...options.env }
  return startProgram(fileOf(path), { ...options, env, imports: [...imports, ...(options.imports ?? [])] })
}

/** The line that starts an example in a shell. */
export function exampleLine(path: string, args: readonly string[]): string {
  const words = [
    process.execPath,
    QUIET,
    ...imports.flatMap((module) => ['--import', module]),
    fileOf(path),
    ...args,
  ]
  return words.map((word) => `'${word}'`).join(' ')
}

/** Runs an example to its end. */
export async function runExample(path: string, options?: ExampleOptions): Promise<Ended> {
  await using example = startExample(path, options)
  return await example.ended
}

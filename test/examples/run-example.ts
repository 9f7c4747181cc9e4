import { fileURLToPath } from 'node:url'
import { type Ended, type ProgramOptions, type RunningProgram, startProgram } from '../support/program.ts'

export type ExampleOptions = ProgramOptions

const imports: readonly string[] = [new URL('./from-source.ts', import.meta.url).href]
const fileOf = (path: string) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url))

/** @param path below `examples/` */
export function startExample(path: string, options: ExampleOptions = {}): RunningProgram {
  return startProgram(fileOf(path), { ...options, imports: [...imports, ...(options.imports ?? [])] })
}

/** The line that starts an example in a shell. */
export function exampleLine(path: string, args: readonly string[]): string {
  const words = [
    process.execPath,
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

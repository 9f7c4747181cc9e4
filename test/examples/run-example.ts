import { fileURLToPath } from 'node:url'
import { type Ended, type ProgramOptions, type RunningProgram, startProgram } from '../support/program.ts'

export type ExampleOptions = Omit<ProgramOptions, 'imports'>

/** @param path below `examples/` */
export function startExample(path: string, options: ExampleOptions = {}): RunningProgram {
  const imports = [new URL('./from-source.ts', import.meta.url).href]
  return startProgram(fileURLToPath(new URL(`../../examples/${path}`, import.meta.url)), {
    ...options,
    imports,
  })
}

/** Runs an example to its end. */
export async function runExample(path: string, options?: ExampleOptions): Promise<Ended> {
  await using example = startExample(path, options)
  return await example.ended
}

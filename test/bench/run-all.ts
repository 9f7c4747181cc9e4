import { answered } from '../../src/time.ts'
import type { Benchmark } from './benchmarks.ts'
import { failureText, sectionText } from './results.ts'

/** Several times what the longest one takes. */
const LIMIT_MS = 15 * 60_000

export interface RunAllOptions {
  readonly benchmarks: Iterable<readonly [string, Benchmark]>
  readonly quick: boolean
  /** Told what each has found, or why it failed, as soon as it has ended. */
  readonly report: (name: string, text: string) => Promise<void>
}

/** One after the other; one that fails does not keep the others from their turn. @returns whether everything was right */
export async function runAll({ benchmarks, quick, report }: RunAllOptions): Promise<boolean> {
  let allRight = true
  for (const [name, benchmark] of benchmarks) {
    const { text, right } = await runOne(name, benchmark, quick)
    await report(name, text)
    allRight &&= right
  }
  return allRight
}

async function runOne(
  name: string,
  benchmark: Benchmark,
  quick: boolean,
): Promise<{ text: string; right: boolean }> {
  const late = () => new Error(`no end within ${LIMIT_MS / 60_000} minutes`)
  try {
    const section = await answered(benchmark(quick), LIMIT_MS, late)
    return { text: sectionText(section), right: section.problems.length === 0 }
  } catch (error) {
    console.error(error)
    return { text: failureText(name, error), right: false }
  }
}

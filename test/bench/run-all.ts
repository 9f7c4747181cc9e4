import { withDeadline } from '../../src/util/abort.ts'
import type { Benchmark } from './benchmarks.ts'
import { failureText, sectionText } from './results.ts'

/** Several times what the longest one takes. */
const LIMIT_MS = 15 * 60_000

export interface RunAllOptions {
  readonly benchmarks: Iterable<readonly [string, Benchmark]>
  readonly quick: boolean
  readonly options?: Parameters<Benchmark>[1]
  /** Told what each has found, or why it failed, as soon as it has ended. */
  readonly report: (name: string, text: string) => Promise<void>
  /** How long each may take. @default LIMIT_MS */
  readonly limitMs?: number
}

/**
 * One after the other; one that fails does not keep the others from their turn. One that does not end does: it goes on, and
 * they would be measured beside it.
 *
 * @returns whether everything was right
 */
export async function runAll({
  benchmarks,
  quick,
  options,
  report,
  limitMs = LIMIT_MS,
}: RunAllOptions): Promise<boolean> {
  let allRight = true
  for (const [name, benchmark] of benchmarks) {
    const { text, right, late } = await runOne(name, () => benchmark(quick, options), limitMs)
    await report(name, text)
    if (late) return false
    allRight &&= right
  }
  return allRight
}

async function runOne(
  name: string,
  measure: () => ReturnType<Benchmark>,
  limitMs: number,
): Promise<{ text: string; right: boolean; late: boolean }> {
  const lateError = new Error(`no end within ${limitMs / 60_000} minutes`)
  try {
    const section = await withDeadline(measure(), limitMs, () => lateError)
    return { text: sectionText(section), right: section.problems.length === 0, late: false }
  } catch (error) {
    console.error(error)
    return { text: failureText(name, error), right: false, late: error === lateError }
  }
}

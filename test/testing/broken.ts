import { expect, it } from 'vitest'
import type { SuiteCase } from '../../src/testing/index.ts'

/** The names of the cases that fail. */
export async function failuresOf<Make>(suite: readonly SuiteCase<Make>[], make: Make): Promise<string[]> {
  const outcomes = await Promise.allSettled(suite.map(({ run }) => run(make)))
  return suite.flatMap(({ name }, i) => (outcomes[i]?.status === 'rejected' ? [name] : []))
}

/** What is wrong, how to make one that has this fault and no other, and the case that must catch it. */
export type FaultRow<Make> = readonly [fault: string, make: Make, caughtBy: string]

/** That the suite passes what is whole and fails each of the broken ones. */
export function provesItself<Make>(
  suite: readonly SuiteCase<Make>[],
  whole: Make,
  faults: readonly FaultRow<Make>[],
): void {
  // Most of the time a suite waits for what a broken one never does: they wait together.
  it.concurrent('passes one without a fault', async () => {
    expect(await failuresOf(suite, whole)).toEqual([])
  })

  it.concurrent.each(faults)('fails one that %s', async (_, make, caughtBy) => {
    expect(await failuresOf(suite, make)).toContain(caughtBy)
  })
}

import { describe, expect, it } from 'vitest'
import type { ChaosOptions } from './options.ts'
import { violations } from './report.ts'
import { runChaos } from './run.ts'
import { takeover } from './takeover.ts'

/** In 6 s each kind of disturbance comes at least once. */
const options: ChaosOptions = {
  seconds: 6,
  seed: 7,
  workers: 5,
  database: 'postgres',
  synchronousCommit: 'on',
  fence: 'on',
}

it.each(['postgres', 'sqlite'] as const)(
  'five workers share a backfill on %s while everything goes wrong, and lose nothing',
  {
    timeout: 180_000,
  },
  async (database) => {
    const report = await runChaos({ ...options, database })
    expect(violations(report)).toEqual([])
    expect(Object.values(report.disturbances).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0)
    expect(report.faults.size).toBeGreaterThan(0)
    expect(report.verdict.pairsHeld).toBe(report.verdict.pairsExpected)
    expect(report.verdict.pairsHeld).toBeGreaterThan(0)
  },
)

// Slow: some ten seconds each, for leases have to run out.
describe('a worker that wakes up after another has taken over what it walked', { timeout: 180_000 }, () => {
  it('changes nothing', async () => {
    const report = await runChaos(options, { scene: takeover })
    expect(violations(report)).toEqual([])
    expect(report.fleet.said.get('claim lost')).toBeGreaterThan(0)
  })

  it('is noticed by the verdict where the fence is off', async () => {
    const report = await runChaos({ ...options, fence: 'off' }, { scene: takeover })
    expect(violations(report)).not.toEqual([])
    const { cursorRegressions, pagesCommittedTwice } = report.verdict
    expect(cursorRegressions + pagesCommittedTwice).toBeGreaterThan(0)
  })
})

import { expect, it } from 'vitest'
import type { ChaosOptions } from './options.ts'
import { violations } from './report.ts'
import { runChaos } from './run.ts'

const options: ChaosOptions = { seconds: 10, seed: 7, workers: 5, synchronousCommit: 'on', fence: 'on' }

// That a broken fence is noticed is shown by test/model, and here by `npm run chaos -- --fence off`.
it('five workers share a backfill while everything goes wrong, and lose nothing', {
  timeout: 180_000,
}, async () => {
  const report = await runChaos(options)
  expect(violations(report)).toEqual([])
  expect(Object.values(report.disturbances).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0)
  expect(report.faults.size).toBeGreaterThan(0)
  expect(report.verdict.pairsHeld).toBe(report.verdict.pairsExpected)
  expect(report.verdict.pairsHeld).toBeGreaterThan(0)
})

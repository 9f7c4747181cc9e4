import { describe, expect, it } from 'vitest'
import type { ChaosOptions } from './options.ts'
import { violations } from './report.ts'
import { runChaos } from './run.ts'
import { takeovers } from './takeover.ts'

const options: ChaosOptions = { seconds: 10, seed: 7, workers: 5, synchronousCommit: 'on', fence: 'on' }

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

// Slow: some ten seconds each, for leases have to run out.
describe('workers that wake up after others have taken over what they walked', { timeout: 180_000 }, () => {
  it('change nothing', async () => {
    const report = await runChaos(options, { scene: takeovers })
    expect(violations(report)).toEqual([])
    expect(report.fleet.said.get('claim lost')).toBeGreaterThan(0)
  })

  it('are noticed by the verdict where the fence is off', async () => {
    const report = await runChaos({ ...options, fence: 'off' }, { scene: takeovers })
    expect(violations(report)).not.toEqual([])
    const { cursorRegressions, pagesCommittedTwice } = report.verdict
    expect(cursorRegressions + pagesCommittedTwice).toBeGreaterThan(0)
  })
})

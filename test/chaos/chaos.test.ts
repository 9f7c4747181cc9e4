import { describe, expect, it } from 'vitest'
import type { Disturbance } from './disturbances.ts'
import type { ChaosOptions } from './options.ts'
import { violations } from './report.ts'
import { runChaos } from './run.ts'
import { PROFILE } from './work.ts'

const OPTIONS: ChaosOptions = { seconds: 10, seed: 7, workers: 5, synchronousCommit: 'on', fence: 'on' }

describe('five workers share a backfill while everything goes wrong', () => {
  it('lose nothing, and take nothing back', { timeout: 90_000 }, async () => {
    const report = await runChaos(OPTIONS)
    expect(violations(report)).toEqual([])
    for (const times of Object.values(report.disturbances)) expect(times).toBeGreaterThan(0)
    expect(report.faults.size).toBeGreaterThan(5)
    expect(report.verdict.pairsHeld).toBe(report.verdict.pairsExpected)
  })
})

/**
 * Workers that sleep longer than their leases while others take over what they walk: all collections are of one size, so
 * the one that was let go is the next to be taken.
 */
describe('a worker that wakes up after its claims were taken over', () => {
  const seconds = 4
  const collections = Object.fromEntries(
    [PROFILE, ...Array.from({ length: 40 }, (_, n) => `com.example.chaos.n${n}`)].map((nsid) => [nsid, 700]),
  )
  const schedule: Disturbance[] = [0.2, 0.3, 0.4].map((part) => ({
    kind: 'pauses',
    at: part * seconds,
    whom: part,
    howMuch: 0.3,
  }))
  const run = (fence: 'on' | 'off') =>
    runChaos({ ...OPTIONS, seconds, fence }, { work: { collections, schedule } })

  // Slow: two runs with processes of their own.
  it('changes nothing, and would be noticed if the fence were off', { timeout: 60_000 }, async () => {
    const [fenced, unfenced] = await Promise.all([run('on'), run('off')])
    expect(violations(fenced)).toEqual([])
    expect(fenced.fleet.said.get('claim lost')).toBeGreaterThan(0)
    expect(violations(unfenced)).not.toEqual([])
    expect(unfenced.verdict.cursorRegressions).toBeGreaterThan(0)
    expect(unfenced.verdict.pagesCommittedTwice).toBeGreaterThan(0)
  })
})

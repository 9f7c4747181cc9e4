import { expect, it } from 'vitest'
import { lostIn } from './lost.ts'

it('what is lost is what the relay did not ask for, and told apart by what it was lost to', () => {
  const longest = { failed: 3, pausedMs: 200 }
  const lost = lostIn({ seconds: 26, calmSeconds: 20, askedMs: 5000, pageMs: 100, longest })
  expect(lost.seconds).toBeCloseTo(1)
  expect(lost.failedSeconds).toBeCloseTo(0.3)
  expect(lost.pauseSeconds).toBeCloseTo(0.2)
  expect(lost.stormSeconds).toBeCloseTo(0.5)
})

import { expect, test } from 'vitest'
import { createMonitor, type MonitorSnapshot } from '../../src/index.ts'
import { PARTS, SHAPES, type Shape } from './simulated-shapes.ts'
import { BEGIN, RELAY, simulate } from './simulation.ts'

// Each is a whole run on a simulated clock. The time left is near the truth where it can be known; elsewhere it is absent,
// or told as the least. The fraction never falls.

const unheard = { handle() {}, async refresh() {} }

interface Look extends Pick<MonitorSnapshot, 'work' | 'timeLeft' | 'addedWork'> {
  readonly at: number
}

/** What a monitor tells at parts of a run, and how long that took. */
async function watch(shape: Shape, parts: readonly number[]): Promise<{ looks: Look[]; total: number }> {
  const clock = { now: BEGIN }
  const total = await simulate(shape, clock, unheard)
  const monitor = createMonitor({ relay: RELAY, now: () => clock.now })
  const looks: Look[] = []
  const at = parts.map((part) => Math.round(part * total))
  await simulate(shape, clock, monitor, { at, call: (ms) => looks.push({ ...monitor.snapshot(), at: ms }) })
  return { looks, total }
}

/** How long the rest would take without what nothing announces at that moment. */
async function foreseeable(shape: Shape, at: number, total: number): Promise<number> {
  const { setAside, pauses = [], outages = [], ...calm } = shape
  if (setAside !== undefined) return (await simulate(calm, { now: BEGIN }, unheard)) - at
  const later = [...pauses, ...outages].filter((span) => span.at > at && span.at < total)
  return total - at - later.reduce((sum, { ms }) => sum + ms, 0)
}

/** The moments between which the fraction may only grow. */
const OFTEN = Array.from({ length: 40 }, (_, i) => (i + 1) / 41)

test.each(SHAPES)('$name', async (shape) => {
  const { looks, total } = await watch(shape, [...PARTS, ...OFTEN])
  for (const [i, expected] of shape.expected.entries()) {
    const { at = 0, timeLeft } = looks.find((look) => look.at === Math.round((PARTS[i] ?? 0) * total)) ?? {}
    const when = `at ${at} of ${total} ms`
    if (expected === 'wrong') continue
    if (expected === 'open') {
      expect(timeLeft?.atLeast ?? 'absent', when).not.toBe(false)
      continue
    }
    const truth = expected === 'near' ? total - at : await foreseeable(shape, at, total)
    expect(timeLeft?.atLeast, when).toBe(false)
    expect(Math.abs((timeLeft?.ms ?? 0) / truth - 1), when).toBeLessThan(0.25)
  }
  const told = looks.flatMap(({ work }) => (work.fraction === undefined ? [] : [work.fraction]))
  expect(told).toEqual(told.toSorted((a, b) => a - b))
  expect(looks.filter(({ addedWork }) => addedWork !== undefined)).toEqual([])
})

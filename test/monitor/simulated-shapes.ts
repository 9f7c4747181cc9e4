import type { SimulatedCollection, Simulation } from './simulation.ts'

/**
 * What the time left has to be at one moment.
 *
 * - `near`: near the truth
 * - `unforeseen`: near the truth but for what nothing announces yet, a pause, an outage or a failure that comes later
 * - `open`: absent, or told as `at least`
 * - `wrong`: whatever it is, since nothing shows yet that the sizes are wrong
 */
export type Expected = 'near' | 'unforeseen' | 'open' | 'wrong'

export const PARTS: readonly number[] = [0.1, 0.25, 0.5, 0.75]

export interface Shape extends Simulation {
  readonly name: string
  /** At 10, 25, 50 and 75 % of the run: {@link PARTS}. */
  readonly expected: readonly [Expected, Expected, Expected, Expected]
}

/** A power law, as the network has it. */
function longTail(collections: number, largest: number, factor = 1): SimulatedCollection[] {
  return Array.from({ length: collections }, (_, i) => {
    const size = Math.max(1, Math.round(largest / (i + 1) ** 1.1))
    // A directory that counts leaves out what hardly any repo has.
    return sized(`com.example.n${i}`, size, size < 5 ? undefined : Math.round(size * factor))
  })
}

function sized(nsid: string, size: number, estimate: number | undefined = size): SimulatedCollection {
  return { nsid, size, ...(estimate === undefined ? {} : { estimate }) }
}

const giants = [900_000, 900_000, 900_000, 900_000, 900_000].map((size, i) =>
  sized(`com.example.giant${i}`, size),
)
const small = (count: number) => Array.from({ length: count }, (_, i) => sized(`com.example.s${i}`, 50 + i))
const withoutSizes = (collections: readonly SimulatedCollection[]) =>
  collections.map(({ nsid, size }) => ({ nsid, size }))
const network = longTail(600, 1_200_000)

const ALWAYS = ['near', 'near', 'near', 'near'] as const
const NEVER = ['open', 'open', 'open', 'open'] as const
const FROM_25 = ['unforeseen', 'near', 'near', 'near'] as const

export const SHAPES: readonly Shape[] = [
  { name: 'long tail', collections: network, expected: ALWAYS },
  { name: 'few giants', collections: [...giants, ...small(20)], expected: ALWAYS },
  { name: '1,200 small ones', collections: small(1_200), pageMs: 500, expected: ALWAYS },
  { name: 'no sizes', collections: withoutSizes(network), expected: NEVER },
  { name: 'sizes 10 x too low', collections: longTail(600, 1_200_000, 0.1), expected: NEVER },
  { name: 'sizes 10 x too high', collections: longTail(600, 200_000, 10), expected: NEVER },
  {
    name: 'one set aside',
    collections: network,
    setAside: { nsid: 'com.example.n30', afterPages: 4, ms: 120_000 },
    expected: ['unforeseen', 'unforeseen', 'near', 'near'],
  },
  { name: 'relay pause', collections: network, pauses: [{ at: 40_000, ms: 60_000 }], expected: FROM_25 },
  {
    name: 'database outage',
    collections: network,
    outages: [{ at: 40_000, ms: 60_000 }],
    expected: ['unforeseen', 'open', 'open', 'near'],
  },
  { name: 'two processes', collections: longTail(600, 2_400_000), others: 1, expected: ALWAYS },
  {
    name: 'resumed run',
    collections: network.map((each, i) => ({
      ...each,
      before: i % 3 === 0 ? each.size : i % 3 === 1 ? each.size / 2 : 0,
    })),
    expected: ALWAYS,
  },
  {
    name: "a relay's limit",
    collections: longTail(600, 4_000_000),
    pauses: Array.from({ length: 100 }, (_, i) => ({ at: 20_000 + i * 30_000, ms: 10_000 })),
    // That they come again and again shows with the third.
    expected: FROM_25,
  },
  { name: 'verify', collections: network, workers: 1, expected: ALWAYS },
  {
    name: 'verify, larger relay',
    collections: longTail(100, 900_000).map((each) => ({ ...each, estimate: Math.round(each.size / 2) })),
    workers: 1,
    // That it lists more than the index holds shows once a collection is beyond its size.
    expected: ['wrong', 'open', 'open', 'open'],
  },
]

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { RepoPage } from '../../src/contracts/repo-lister.ts'
import { RelayError } from '../../src/errors.ts'
import { retryPolicy } from '../../src/util/retry.ts'
import { countRelays, relayComparer } from '../../src/verify/compare-relays.ts'
import { type ListerScript, type ScriptedLister, scriptedLister } from '../support/scripted-lister.ts'

const NAME = 'com.example.a'
const SAMPLES = 2

/** Numbers as DIDs, whose order is that of the numbers. */
const didOf = (number: number) => `did:web:r${String(number).padStart(4, '0')}.example`

/** A list in pages of three. */
function pagesOf(numbers: readonly number[]): RepoPage[] {
  const dids = numbers.map(didOf)
  const pages = Array.from({ length: Math.max(1, Math.ceil(dids.length / 3)) }, (_, i) =>
    dids.slice(3 * i, 3 * i + 3),
  )
  return pages.map((page, i) =>
    i + 1 < pages.length ? { dids: page, cursor: String(i + 1) } : { dids: page },
  )
}

function listersOf(lists: readonly ListerScript[], collection = NAME): ScriptedLister[] {
  return lists.map((list, i) => scriptedLister({ [collection]: list }, `relay${i}.test`))
}

function partsOf(
  listers: readonly ScriptedLister[],
  { memoryBytes = 1e9, signal = new AbortController().signal } = {},
) {
  return { listers, signal, memoryBytes, sampleSize: SAMPLES, retry: retryPolicy({ retries: 0 }), emit() {} }
}

/** What sets say of the same lists. */
function expected(lists: readonly (readonly number[])[]) {
  const sets = lists.map((list) => new Set(list.map(didOf)))
  const union = new Set(sets.flatMap((set) => [...set]))
  const all = [...union].filter((did) => sets.every((set) => set.has(did)))
  const relays = sets.map((set, i) => {
    const only = [...set].filter((did) => sets.every((other, j) => i === j || !other.has(did)))
    return { relay: `relay${i}.test`, listed: set.size, only: only.length, all: only }
  })
  return { union: union.size, all: all.length, relays }
}

async function check(lists: readonly (readonly number[])[], memoryBytes?: number): Promise<ScriptedLister[]> {
  const listers = listersOf(lists.map(pagesOf))
  const compare = relayComparer(partsOf(listers, { memoryBytes }))
  const { compared, failed } = await compare(NAME)
  expect(failed).toBeUndefined()
  const { union, all, relays } = expected(lists)
  expect(compared).toMatchObject({ union, all })
  expect(compared?.relays.map(({ samples, ...side }) => side)).toEqual(
    relays.map(({ all: _, ...side }) => side),
  )
  for (const [i, { samples = [] } = {}] of (compared?.relays ?? []).entries()) {
    expect(samples).toHaveLength(Math.min(SAMPLES, relays[i]?.only ?? 0))
    expect(relays[i]?.all).toEqual(expect.arrayContaining([...samples]))
  }
  return listers
}

const ascending = fc.uniqueArray(fc.nat(40), { maxLength: 20 }).map((list) => list.toSorted((a, b) => a - b))
const anyOrder = fc.array(fc.nat(40), { maxLength: 20 })

describe('what two relays or more list is compared', () => {
  it('in the order of DIDs, by reading each once', async () => {
    const property = fc.asyncProperty(fc.array(ascending, { minLength: 2, maxLength: 4 }), async (lists) => {
      const listers = await check(lists)
      // Every page once, and the first one more where cursors are checked at the end.
      for (const [i, { requests }] of listers.entries()) {
        const pages = Math.max(1, Math.ceil((lists[i]?.length ?? 0) / 3))
        expect(requests.length).toBe(pages + (pages > 1 ? 1 : 0))
      }
    })
    await fc.assert(property, { numRuns: 40 })
  })

  it('in any order, with repeats', async () => {
    const property = fc.asyncProperty(fc.array(anyOrder, { minLength: 2, maxLength: 4 }), async (lists) => {
      await check(lists)
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('in parts, where there is no memory for all of it at once: one more walk for each', async () => {
    const far = Array.from({ length: 300 }, (_, i) => (i * 7919) % 1000)
    const lists = [far, far.slice(20), far.toReversed().slice(30)]
    const [whole] = await check(lists)
    const [parted] = await check(lists, 150_000)
    expect(parted?.requests.length).toBeGreaterThan(2 * (whole?.requests.length ?? 0))
  })
})

describe('a list that cannot be read to its end', () => {
  const broken: ListerScript = ({ cursor }) => {
    if (cursor === undefined) return { dids: [didOf(1), didOf(2)], cursor: '1' }
    throw new RelayError('RELAY_STATUS', 'relay1.test answered 500', { relay: 'relay1.test', status: 500 })
  }

  it.each([
    ['in order', [1, 2, 3, 4, 5, 6, 7, 8]],
    ['in another order', [8, 7, 6, 5, 4, 3, 2, 1]],
  ])("is told, and what it lacks is nobody else's alone: lists %s", async (_, numbers) => {
    const listers = listersOf([pagesOf(numbers), broken, pagesOf(numbers)])
    const compare = relayComparer(partsOf(listers))
    const { compared, failed } = await compare(NAME)
    expect(compared).toBeUndefined()
    expect(failed).toMatchObject({ relay: 'relay1.test', error: { status: 500 } })
    // The others go on with the next collection.
    expect((await compare('com.example.empty')).compared).toMatchObject({ union: 0 })
  })

  it.each([
    ['in order', [1, 2]],
    ['in another order', [2, 1]],
  ])('is told at once, though another relay does not answer: lists %s', async (_, numbers) => {
    const silent: ListerScript = ({ cursor }) => {
      if (cursor !== undefined) return new Promise(() => {})
      return { dids: numbers.map(didOf), cursor: '1' }
    }
    const { failed } = await relayComparer(partsOf(listersOf([silent, broken])))(NAME)
    expect(failed).toMatchObject({ relay: 'relay1.test', error: { status: 500 } })
  })

  it('whose cursors change their meaning on the way is no list', async () => {
    let asked = 0
    const rebuilt: ListerScript = ({ cursor }) => {
      asked += 1
      if (cursor !== undefined) return { dids: [didOf(asked)] }
      return { dids: [didOf(100 * asked)], cursor: `build ${asked}` }
    }
    const { failed } = await relayComparer(partsOf(listersOf([pagesOf([1]), rebuilt])))(NAME)
    expect(failed).toMatchObject({ relay: 'relay1.test', error: { code: 'CURSORS_CHANGED' } })
  })

  it('stops no other one that is counted', async () => {
    const listers = listersOf([pagesOf([3, 1, 2, 5]), broken])
    expect(await countRelays(NAME, partsOf(listers))).toEqual([
      { relay: 'relay0.test', listed: 4 },
      { relay: 'relay1.test', error: expect.objectContaining({ status: 500 }) },
    ])
  })
})

describe('an abort', () => {
  it('ends a comparison and a count with its reason, whatever the relays do', async () => {
    for (const read of ['compare', 'count'] as const) {
      const controller = new AbortController()
      const reason = new Error('enough')
      const asked = vi.fn()
      const silent: ListerScript = () => {
        asked()
        return new Promise(() => {})
      }
      const parts = partsOf(listersOf([silent, pagesOf([1])]), { signal: controller.signal })
      const reading = read === 'compare' ? relayComparer(parts)(NAME) : countRelays(NAME, parts)
      const ended = expect(reading).rejects.toBe(reason)
      await vi.waitFor(() => expect(asked).toHaveBeenCalled())
      controller.abort(reason)
      await ended
    }
  })
})

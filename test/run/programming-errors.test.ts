import { describe, expect, it } from 'vitest'
import { BackfillError, type BackfillEvent, type CollectionSource, type RepoLister } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { A, B, type MoreOptions, setUp } from '../support/backfill-set-up.ts'
import { pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const typo = new TypeError("Cannot read properties of undefined (reading 'length')")

/** A run with pauses of an hour: one that repeats anything does not come to its end within a test. */
const slow = { retries: 9, minDelayMs: 3_600_000, maxDelayMs: 3_600_000 }

const served = () => scriptedLister({ [A]: pagesOf(A, 2), [B]: pagesOf(B, 2) })

interface Outcome {
  readonly error: unknown
  readonly events: readonly BackfillEvent['type'][]
}

async function outcomeWith(options: MoreOptions, lister: RepoLister = served()): Promise<Outcome> {
  const events: BackfillEvent['type'][] = []
  const onEvent = ({ type }: BackfillEvent) => events.push(type)
  const error = await setUp(lister, { retry: slow, onEvent, ...options })
    .start()
    .run()
    .then(
      () => undefined,
      (error: unknown) => error,
    )
  return { error, events }
}

describe('a mistake in a program ends the run at once, with that error, and nothing is repeated', () => {
  it.each([
    typo,
    new ReferenceError('x is not defined'),
    new SyntaxError('Unexpected token'),
    new RangeError('invalid'),
  ])('in a sink: %s', async (mistake) => {
    let calls = 0
    const add = () => {
      calls += 1
      return Promise.reject(mistake)
    }
    const { error, events } = await outcomeWith({ sink: { add }, concurrency: 1 })
    expect(error).toBe(mistake)
    expect(calls).toBe(1)
    expect(events).not.toContain('retry')
    expect(events).not.toContain('collectionFailed')
  })

  it.each(['register', 'claim', 'advance', 'list'] as const)('in a progress store’s %s', async (method) => {
    const mistake = new ReferenceError('row is not defined')
    const progress = { ...memoryProgressStore(), [method]: () => Promise.reject(mistake) }
    const { error, events } = await outcomeWith({ progress })
    expect(error).toBe(mistake)
    expect(events).not.toContain('retry')
    expect(events).not.toContain('storeUnavailable')
  })

  it('in a progress store’s renew, which is called while a page is awaited', async () => {
    const progress = { ...memoryProgressStore(), renew: () => Promise.reject(typo) }
    const lister = scriptedLister({ [A]: () => new Promise(() => {}) })
    const { error } = await outcomeWith({ progress, leaseMs: 100 }, lister)
    expect(error).toBe(typo)
  })

  it('in a lister', async () => {
    const lister = scriptedLister({ [A]: () => Promise.reject(typo), [B]: pagesOf(B, 2) })
    const { error, events } = await outcomeWith({ concurrency: 1 }, lister)
    expect(error).toBe(typo)
    expect(lister.requests.filter(({ collection }) => collection === A)).toHaveLength(1)
    expect(events).not.toContain('retry')
  })

  it('in a lister’s check', async () => {
    let checks = 0
    const check = () => {
      checks += 1
      return Promise.reject(typo)
    }
    expect((await outcomeWith({}, { ...served(), check })).error).toBe(typo)
    expect(checks).toBe(1)
  })

  it('in a source of collections, though others answer', async () => {
    const broken: CollectionSource = {
      name: 'broken',
      // biome-ignore lint/correctness/useYield: it fails before it gives anything
      async *collections() {
        throw typo
      },
    }
    const { collections = [] } = setUp(served()).options
    const { error, events } = await outcomeWith({ collections: [broken, ...collections] })
    expect(error).toBe(typo)
    expect(events).not.toContain('sourceFailed')
  })

  it('in a listener', async () => {
    const onEvent = () => {
      throw typo
    }
    expect((await outcomeWith({ onEvent })).error).toBe(typo)
  })
})

describe('an error with scope: run', () => {
  it('ends the run from a sink, with a code of its own', async () => {
    const full = new BackfillError('DISK_QUOTA', 'The disk is full.', { scope: 'run' })
    const { error, events } = await outcomeWith({ sink: { add: () => Promise.reject(full) } })
    expect(error).toBe(full)
    expect(events).not.toContain('collectionFailed')
  })
})

describe('what only looks like a mistake', () => {
  it.each([
    ['a network that is gone, by fetch', new TypeError('fetch failed', { cause: new Error('ECONNRESET') })],
    ['an answer that is not JSON', new SyntaxError('Unexpected token < in JSON at position 0')],
    ['an error of any other kind', new Error('quota exceeded')],
  ])('is repeated: %s', async (_, passing) => {
    let failures = 2
    const lister = scriptedLister({
      [A]: () => (failures-- > 0 ? Promise.reject(passing) : { dids: ['did:web:x'] }),
    })
    const { error, events } = await outcomeWith({ retry: { minDelayMs: 1, maxDelayMs: 5 } }, lister)
    expect(error).toBeUndefined()
    expect(events.filter((type) => type === 'retry')).toHaveLength(2)
  })
})

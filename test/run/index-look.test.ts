import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { BackfillEvent, CollectionSource, RepoLister } from '../../src/index.ts'
import { knownCollections, plan, RelayError } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { A, B, C, type MoreOptions, setUp } from '../support/backfill-set-up.ts'
import { listenTo } from '../support/listen-to.ts'
import { didsOf, gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const relay = 'relay.test'
const scripts = { [A]: pagesOf(A, 2), [B]: pagesOf(B, 1), [C]: [{ dids: [] }] }

/** A store that tells what its index holds, and runs on it over A, B and C; C has no repos. */
function setUpWithLook(lister: RepoLister = scriptedLister(scripts), more: MoreOptions = {}) {
  const pairs = new Map<string, Set<string>>()
  const told: BackfillEvent[] = []
  const looks = { begun: 0 }
  const observed: CollectionSource = {
    name: 'observed',
    async *collections() {
      looks.begun += 1
      yield* Array.from(pairs.keys(), (nsid) => ({ nsid }))
    },
  }
  const store = { sink: memoryIndexSink(pairs), progress: memoryProgressStore(), observed }
  const onEvent = listenTo({
    indexMissing: (event) => told.push(event),
    sourceFailed: (event) => told.push(event),
  })
  const { options, start } = setUp(lister, {
    store,
    sink: store.sink,
    progress: store.progress,
    onEvent,
    ...more,
  })
  const dids = (collection: string) => [...(pairs.get(collection) ?? [])]
  return { pairs, told, looks, store, options, start, dids }
}

describe('a run on an index that lost what its progress has', () => {
  it('begins the collections again that it does not name, and tells it; the next run finds nothing', async () => {
    const { pairs, told, looks, start, dids } = setUpWithLook()
    await start().run()
    expect({ told, looks }).toEqual({ told: [], looks: { begun: 0 } })
    pairs.clear()
    expect(await start().run()).toMatchObject({ completed: 2, imported: 6 })
    expect(told).toEqual([{ type: 'indexMissing', relay, collections: [A, B] }])
    expect([dids(A), dids(B)]).toEqual([didsOf(pagesOf(A, 2)), didsOf(pagesOf(B, 1))])
    expect(await start().run()).toMatchObject({ completed: 0, imported: 0 })
    expect(told).toHaveLength(1)
    expect(looks.begun).toBe(2)
  })

  it('leaves those alone that it names, though their pairs are gone', async () => {
    const { pairs, told, start } = setUpWithLook()
    await start().run()
    pairs.delete(A)
    pairs.get(B)?.clear()
    expect(await start().run()).toMatchObject({ completed: 1, imported: 4 })
    expect(told).toEqual([{ type: 'indexMissing', relay, collections: [A] }])
  })

  it('begins a walk again that was under way: the pages before its cursor are gone', async () => {
    const { pairs, told, start, dids } = setUpWithLook(scriptedLister(scripts), { pagesAhead: 1 })
    for await (const { cursor } of start({ collections: [A] })) if (cursor !== undefined) break
    pairs.clear()
    await start({ collections: [A] }).run()
    expect(told).toEqual([{ type: 'indexMissing', relay, collections: [A] }])
    expect(dids(A)).toEqual(didsOf(pagesOf(A, 2)))
  })

  it('leaves a walk to the worker that holds it', async () => {
    const { told, store, start, dids } = setUpWithLook()
    const { progress } = store
    await progress.register(relay, [{ nsid: A }])
    const claim = await progress.claim({ relay, owner: 'other', leaseMs: 60_000 })
    if (claim === undefined) throw new Error('There is a claim to be had.')
    const held = await progress.advance(claim, { pages: 1, cursor: '1', imported: 2, invalid: 0 })
    for await (const { collection } of start()) if (collection === B) await progress.release(held)
    expect(told).toEqual([])
    expect(dids(A)).toEqual(pagesOf(A, 2)[1]?.dids)
  })

  it('keeps failed collections failed where they are kept, and has them begin at their first page if they are retried', async () => {
    const refuse = () =>
      Promise.reject(new RelayError('RELAY_STATUS', 'no', { relay, status: 404, retryable: false }))
    let isServed = false
    const lister = scriptedLister({
      ...scripts,
      [A]: ({ cursor }) =>
        cursor && !isServed ? refuse() : (pagesOf(A, 2)[Number(cursor ?? 0)] ?? { dids: [] }),
    })
    const { pairs, told, store, start, dids } = setUpWithLook(lister)
    await expect(start().run()).rejects.toMatchObject({ code: 'INCOMPLETE' })
    pairs.clear()
    const failures = [{ collection: A, lastError: 'no' }]
    await expect(start({ keepFailed: true }).run()).rejects.toMatchObject({ code: 'INCOMPLETE', failures })
    expect(told).toMatchObject([{ collections: [B] }])
    expect(pairs.has(A)).toBe(false)
    isServed = true
    // By a run that has looked at the index before, as when an operator retries it meanwhile.
    await store.progress.reset(relay, [B])
    for await (const { collection } of start({ keepFailed: true }))
      if (collection === B) await store.progress.retryFailed(relay, [A])
    expect(dids(A)).toEqual(didsOf(pagesOf(A, 2)))
  })

  it('leaves a cancelled collection cancelled, and has it begin at its first page if it is retried', async () => {
    const { pairs, told, store, start, dids } = setUpWithLook(scriptedLister(scripts), { pagesAhead: 1 })
    for await (const { cursor } of start({ collections: [A] })) if (cursor !== undefined) break
    await store.progress.cancel(relay, [A])
    pairs.clear()
    await expect(start().run()).rejects.toMatchObject({ code: 'INCOMPLETE' })
    expect(told).toEqual([])
    expect(pairs.has(A)).toBe(false)
    const [row] = await store.progress.list({ relay })
    expect(row).toMatchObject({ collection: A, state: 'failed', pages: 0, flags: ['cancelled'] })
    // Also by a run that has looked at the index before.
    await store.progress.reset(relay, [B])
    for await (const { collection } of start())
      if (collection === B) await store.progress.retryFailed(relay, [A])
    expect(dids(A)).toEqual(didsOf(pagesOf(A, 2)))
  })

  it.each<[string, Partial<CollectionSource>]>([
    [
      'is refused',
      {
        // biome-ignore lint/correctness/useYield: a source that fails before it gives anything
        async *collections() {
          throw new Error('no answer')
        },
      },
    ],
    [
      'breaks off',
      {
        async *collections() {
          yield { nsid: A }
          throw new Error('no answer')
        },
      },
    ],
  ])('concludes nothing where the look %s, and tells that', async (_, broken) => {
    const { pairs, told, store, start } = setUpWithLook()
    await start().run()
    pairs.clear()
    const observed = { ...store.observed, ...broken }
    const run = start({ store: { ...store, observed } })
    expect(await run.run()).toMatchObject({ completed: 0, failedSources: ['observed'] })
    expect(told).toMatchObject([{ type: 'sourceFailed', source: 'observed' }])
  })

  it('concludes nothing where the store does not tell what its index holds', async () => {
    const { pairs, told, store, start } = setUpWithLook()
    const blind = { ...store, observed: undefined }
    await start({ store: blind }).run()
    pairs.clear()
    expect(await start({ store: blind }).run()).toMatchObject({ completed: 0 })
    expect(told).toEqual([])
  })

  it('reads the names once, where they are a source of the run too', async () => {
    const { pairs, told, looks, store, start } = setUpWithLook()
    const collections = [knownCollections([A, B]), store.observed]
    await start({ collections }).run()
    pairs.clear()
    await start({ collections }).run()
    expect(told).toMatchObject([{ collections: [A, B] }])
    expect(looks.begun).toBe(2)
  })

  it('does not begin again what another run has begun since the look', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const { pairs, told, store, start } = setUpWithLook()
    await start().run()
    pairs.clear()
    const blind = { ...store, observed: undefined }
    const observed: CollectionSource = {
      name: 'slow',
      // biome-ignore lint/correctness/useYield: the index holds nothing at this moment
      async *collections() {
        await store.progress.reset(relay)
        // A row says by its time that it was completed again.
        vi.advanceTimersByTime(1_000)
        await start({ store: blind }).run()
      },
    }
    expect(await start({ store: { ...store, observed } }).run()).toMatchObject({ completed: 0 })
    expect(told).toEqual([])
  })

  it('finds out for each of several relays, though the first has brought the names back before the second begins', async () => {
    const first = scriptedLister(scripts, 'one.test')
    const second = scriptedLister({ [A]: pagesOf('com.example.other', 2) }, 'two.test')
    const { pairs, told, start, dids } = setUpWithLook(first, { relay: [first, second], collections: [A] })
    await start().run()
    pairs.clear()
    const late = gate()
    const slow = { ...second, check: () => late.wait() }
    for await (const { completed } of start({ relay: [first, slow] })) if (completed) late.pass()
    expect(told).toMatchObject([{ relay: 'one.test' }, { relay: 'two.test' }])
    expect(dids(A)).toHaveLength(8)
  })

  it('is planned as it will be', async () => {
    const { pairs, told, options, start } = setUpWithLook()
    await start().run()
    expect(await plan(options)).toMatchObject({ pairs: 0 })
    pairs.clear()
    expect(await plan(options)).toMatchObject({
      pairs: 6,
      relays: [
        {
          collections: [
            { collection: A, repos: 4 },
            { collection: B, repos: 2 },
          ],
          complete: 1,
        },
      ],
    })
    expect(told).toEqual([])
  })
})

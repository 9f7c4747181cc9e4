import { describe, expect, it } from 'vitest'
import { knownCollections } from '../../../src/index.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { A, B, setUp } from '../../support/backfill-set-up.ts'
import { listenTo } from '../../support/listen-to.ts'
import { gate, pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

describe('several runs on one store', () => {
  it('share the collections, and each is walked once', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `com.example.c${i}`)
    const lister = scriptedLister(Object.fromEntries(names.map((name) => [name, pagesOf(name, 3)])))
    const { start } = setUp(lister, { collections: [knownCollections(names)], concurrency: 2 })
    const summaries = await Promise.all([start().run(), start().run(), start().run()])
    expect(summaries.reduce((sum, { completed }) => sum + completed, 0)).toBe(12)
    // Three pages of each, and its first page once more before its end.
    expect(lister.requests).toHaveLength(48)
  })

  it('wait for what another one holds', async () => {
    const held = gate()
    const lister = scriptedLister({
      [A]: async () => {
        await held.wait()
        return { dids: ['did:web:x'] }
      },
    })
    const { start } = setUp(lister, { collections: [knownCollections([A])] })
    const holder = start().run()
    await held.reached
    const told: unknown[] = []
    const waits = gate()
    const waiter = start({
      onEvent: listenTo({
        waiting({ holders }) {
          told.push(holders)
          void waits.wait()
        },
      }),
    })
    const waiting = waiter.run()
    await waits.reached
    held.pass()
    expect([await holder, await waiting]).toEqual([
      expect.objectContaining({ completed: 1 }),
      expect.objectContaining({ completed: 0 }),
    ])
    expect(told).toEqual([
      [{ holder: expect.any(String), collections: 1, leaseLeftMs: expect.any(Number) }],
      [],
    ])
  })

  it('a worker that waits for another of its own run tells of no holder', async () => {
    const held = gate()
    const lister = scriptedLister({
      [A]: async () => {
        await held.wait()
        return { dids: ['did:web:x'] }
      },
    })
    const told: unknown[] = []
    const onEvent = listenTo({ waiting: (event) => told.push(event) })
    const { start, progress } = setUp(lister, {
      collections: [knownCollections([A])],
      concurrency: 2,
      onEvent,
    })
    const looked = gate()
    const remaining = progress.remaining
    progress.remaining = async (source) => {
      const left = await remaining(source)
      if (left.claims !== undefined) void looked.wait()
      return left
    }
    const run = start().run()
    await Promise.all([held.reached, looked.reached])
    held.pass()
    expect(await run).toMatchObject({ completed: 1 })
    expect(told).toEqual([])
  })

  it('a run whose end finds work that another one registered does it, too', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 1) })
    const { start, progress } = setUp(lister, { collections: [knownCollections([A])] })
    const remaining = progress.remaining
    let registered = false
    progress.remaining = async (source) => {
      const left = await remaining(source)
      if (left.collections === 0 && !registered) {
        registered = true
        await progress.register(source, [{ nsid: B }])
      }
      return left
    }
    expect(await start().run()).toMatchObject({ completed: 2 })
    expect(registered).toBe(true)
  })

  it('a run that loses a claim says so, writes nothing for it and goes on with other work', async () => {
    const progress = memoryProgressStore()
    const lister = scriptedLister({ [A]: pagesOf(A, 3), [B]: pagesOf(B, 1) })
    const lost: string[] = []
    const failed: string[] = []
    let robbed = false
    const robbing = {
      ...progress,
      async advance(...[claim, page, write]: Parameters<typeof progress.advance>) {
        if (claim.collection === A && !robbed) {
          robbed = true
          await progress.release(claim)
          await progress.claim({ relay: 'relay.test', owner: 'somebody else', leaseMs: 100 })
        }
        return progress.advance(claim, page, write)
      },
    }
    const { start } = setUp(lister, {
      collections: [knownCollections([A, B])],
      progress: robbing,
      concurrency: 1,
      onEvent: listenTo({
        claimLost: ({ collection }) => lost.push(collection),
        collectionFailed: ({ collection }) => failed.push(collection),
      }),
    })
    // The other one never comes back, so its lease runs out and the walk is taken over again.
    expect(await start().run()).toMatchObject({ completed: 2 })
    expect([lost, failed]).toEqual([[A], []])
  })
})

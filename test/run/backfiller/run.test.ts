import { describe, expect, it } from 'vitest'
import { knownCollections, RelayError } from '../../../src/index.ts'
import { memoryIndexSink } from '../../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { A, B, C, collect, setUp } from '../../support/backfill-set-up.ts'
import { listenTo } from '../../support/listen-to.ts'
import { didsOf, gate, pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

describe('a run', () => {
  it('brings every pair into the index and tells each page once it is durable', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 3), [B]: pagesOf(B, 1), [C]: [] })
    const { sink, start } = setUp(lister)
    const backfiller = start()
    for await (const page of backfiller) {
      const held = sink.pairs.get(page.collection)
      expect(page.dids.every((did) => held?.has(did))).toBe(true)
    }
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(didsOf(pagesOf(A, 3)))
    expect([...(sink.pairs.get(B) ?? [])]).toEqual(didsOf(pagesOf(B, 1)))
    const status = await backfiller.status()
    expect(status).toMatchObject({ total: 3, complete: 3, pending: 0, running: 0, failed: 0, imported: 8 })
    expect(backfiller.summary).toMatchObject({
      completed: 3,
      pages: 5,
      imported: 8,
      added: 8,
      invalid: 0,
    })
  })

  it('numbers the pages, sums up, and marks the last one', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 2, 3) })
    const { start } = setUp(lister, { collections: [knownCollections([A])] })
    expect(await collect(start())).toEqual([
      expect.objectContaining({
        pages: 1,
        imported: 3,
        added: 3,
        cursor: '1',
        completed: false,
        relay: 'relay.test',
      }),
      expect.objectContaining({ pages: 2, imported: 6, added: 3, cursor: undefined, completed: true }),
    ])
  })

  it('asks nobody for anything before the first next()', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 1) })
    const { start, progress } = setUp(lister)
    const backfiller = start()
    expect(await backfiller.status()).toMatchObject({ total: 0 })
    expect(lister.requests).toEqual([])
    await backfiller.next()
    expect(lister.requests.length).toBeGreaterThan(0)
    await backfiller.return()
    expect((await progress.list()).length).toBe(3)
  })

  it('counts a DID that comes twice once', async () => {
    const [first, second] = pagesOf(A, 2)
    const lister = scriptedLister({
      [A]: [
        { ...first, dids: ['did:web:x', 'did:web:x'] },
        { ...second, dids: ['did:web:x'] },
      ] as never,
    })
    const { start } = setUp(lister, { collections: [knownCollections([A])] })
    expect((await collect(start())).map(({ added }) => added)).toEqual([1, 0])
  })

  it('walks the biggest collection first', async () => {
    const started: string[] = []
    const { start } = setUp(scriptedLister({}), {
      concurrency: 1,
      collections: [knownCollections([A, { nsid: B, estimatedRepos: 5 }, { nsid: C, estimatedRepos: 900 }])],
      onEvent: listenTo({ collectionStarted: ({ collection }) => started.push(collection) }),
    })
    await start().run()
    expect(started).toEqual([C, B, A])
  })

  it('walks as many collections at once as it may, and no more', async () => {
    const gates = { [A]: gate(), [B]: gate(), [C]: gate() }
    const parked = (collection: keyof typeof gates) => async () => {
      await gates[collection].wait()
      return { dids: [] }
    }
    const lister = scriptedLister({ [A]: parked(A), [B]: parked(B), [C]: parked(C) })
    const { start } = setUp(lister, { concurrency: 2 })
    const run = start().run()
    await Promise.all([gates[A].reached, gates[B].reached])
    expect(lister.requests.map(({ collection }) => collection)).toEqual([A, B])
    gates[B].pass()
    await gates[C].reached
    gates[A].pass()
    gates[C].pass()
    expect(await run).toMatchObject({ completed: 3 })
  })

  it('fetches the next page while the last one commits', async () => {
    const commit = gate()
    const second = gate()
    const pages = pagesOf(A, 2)
    const lister = scriptedLister({
      [A]: async ({ cursor }) => {
        if (cursor === '1') second.wait()
        return pages[Number(cursor ?? 0)] ?? { dids: [] }
      },
    })
    const sink = memoryIndexSink()
    const slowSink = {
      async add(...parameters: Parameters<typeof sink.add>) {
        await commit.wait()
        return sink.add(...parameters)
      },
    }
    const { start } = setUp(lister, { collections: [knownCollections([A])], sink: slowSink })
    const run = start().run()
    await Promise.all([commit.reached, second.reached])
    expect(sink.pairs.size).toBe(0)
    commit.pass()
    expect(await run).toMatchObject({ pages: 2, added: 4 })
  })

  it('commits the pages together that came while it committed, and tells of them in one event', async () => {
    const first = gate()
    const pages = pagesOf(A, 6)
    const last = gate()
    const lister = scriptedLister({
      [A]: ({ cursor = '0' }) => {
        if (cursor === '3') last.wait()
        // The DIDs of the second page come again on the third.
        return { ...pages[Number(cursor)], dids: pages[cursor === '2' ? 1 : Number(cursor)]?.dids ?? [] }
      },
    })
    const sink = memoryIndexSink()
    const slowSink = {
      async add(...parameters: Parameters<typeof sink.add>) {
        await first.wait()
        return sink.add(...parameters)
      },
    }
    const { start } = setUp(lister, { collections: [knownCollections([A])], sink: slowSink, pagesAhead: 3 })
    const events = collect(start())
    await last.reached
    first.pass()
    const [one, three] = await events
    expect(one).toMatchObject({ pages: 1, imported: 2, added: 2, cursor: '1', completed: false })
    expect(three).toMatchObject({ pages: 4, imported: 8, added: 4, cursor: '4', completed: false })
    expect(three?.dids).toHaveLength(6)
    expect((await events).at(-1)).toMatchObject({
      pages: 6,
      imported: 12,
      cursor: undefined,
      completed: true,
    })
  })

  it('waits for a slow consumer: twice pagesAhead for each collection and no further', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 50) })
    const renewals = gate()
    const progress = memoryProgressStore()
    let renewed = 0
    const counting = {
      ...progress,
      renew: (...parameters: Parameters<typeof progress.renew>) => {
        renewed += 1
        if (renewed === 4) void renewals.wait()
        return progress.renew(...parameters)
      },
    }
    const sources = [knownCollections([A])]
    // One worker: on a busy machine a renewal may come late, and another worker would take the collection over.
    const options = { collections: sources, progress: counting, leaseMs: 400, pagesAhead: 2, concurrency: 1 }
    const { start } = setUp(lister, options)
    const backfiller = start()
    await backfiller.next()
    // Four renewals are longer than a lease: time enough for a run that does not wait, and the claim is still held.
    await renewals.reached
    expect(lister.requests.length).toBeLessThanOrEqual(1 + 2 * 2)
    expect(await backfiller.status()).toMatchObject({ running: 1 })
    await backfiller.return()
  })

  it('can be used once', async () => {
    const { start } = setUp(scriptedLister({}))
    const backfiller = start()
    await backfiller.return()
    await expect(backfiller.run()).rejects.toMatchObject({ code: 'RUN_ENDED' })
  })

  it('checks the relay before it discovers or registers anything', async () => {
    const refusal = new RelayError('RELAY_UNSUITABLE', 'empty', { relay: 'relay.test' })
    const lister = { ...scriptedLister({}), check: () => Promise.reject(refusal) }
    const { start, progress } = setUp(lister)
    await expect(start().run()).rejects.toBe(refusal)
    expect(await progress.list()).toEqual([])
  })

  it('walks complete collections again only when they are older than refreshAfterMs', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 2) })
    const { start } = setUp(lister, { collections: [knownCollections([A])] })
    await start().run()
    expect(await start().run()).toMatchObject({ pages: 0 })
    expect(await start({ refreshAfterMs: 3_600_000 }).run()).toMatchObject({ pages: 0 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await start({ refreshAfterMs: 1 }).run()).toMatchObject({ pages: 2, imported: 4, added: 0 })
  })

  it('ends with the error of a hook that throws', async () => {
    const bug = new Error('a bug in a hook')
    const { start, progress } = setUp(scriptedLister({ [A]: pagesOf(A, 3) }), {
      onEvent: listenTo({
        collectionStarted: () => {
          throw bug
        },
      }),
    })
    await expect(start().run()).rejects.toBe(bug)
    expect((await progress.list()).map(({ state }) => state)).toEqual(['pending', 'pending', 'pending'])
  })
})

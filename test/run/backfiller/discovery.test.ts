import { describe, expect, it } from 'vitest'
import { type CollectionSource, DiscoveryError, knownCollections, RelayError } from '../../../src/index.ts'
import { A, B, C, setUp } from '../../support/backfill-set-up.ts'
import { listenTo } from '../../support/listen-to.ts'
import { pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

describe('discovery', () => {
  const failing: CollectionSource = {
    name: 'broken',
    // biome-ignore lint/correctness/useYield: a source that fails before it gives anything
    async *collections() {
      throw new Error('no answer')
    },
  }

  it('uses the other sources when one fails, and tells', async () => {
    const failed: unknown[] = []
    const { start } = setUp(scriptedLister({ [A]: pagesOf(A, 1) }), {
      collections: [failing, knownCollections([A])],
      onEvent: listenTo({ sourceFailed: (context) => failed.push(context) }),
    })
    expect(await start().run()).toMatchObject({ completed: 1 })
    expect(failed).toEqual([
      { type: 'sourceFailed', relay: 'relay.test', source: 'broken', error: new Error('no answer') },
    ])
    expect(await start().run()).toMatchObject({ failedSources: ['broken'] })
  })

  it('is an error when no source gives anything and nothing is registered', async () => {
    const { start } = setUp(scriptedLister({}), { collections: [failing] })
    const error = await start()
      .run()
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DiscoveryError)
    expect(error).toMatchObject({ message: expect.stringContaining('broken: no answer') })
  })

  it('asks a live source again at its end, until it knows nothing new, and walks what it then knows', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 2), [B]: pagesOf(B, 2), [C]: pagesOf(C, 1) })
    const known = [A]
    let asked = 0
    const live: CollectionSource = {
      name: 'live',
      live: true,
      async *collections() {
        asked += 1
        for (const nsid of known) yield { nsid }
      },
    }
    const still = { ...live, name: 'asked once', live: false }
    const { sink, start } = setUp(lister, { collections: [live, still] })
    const backfiller = start()
    for await (const { collection, completed } of backfiller) {
      if (collection === A && completed) known.push(B)
      if (collection === B && completed) known.push(C)
    }
    expect([...sink.pairs.keys()]).toEqual([A, B, C])
    // At the beginning both; then the live one alone, after each of the three.
    expect(asked).toBe(2 + 3)
    expect(backfiller.summary).toMatchObject({ completed: 3, failedSources: [] })
  })

  it('what a live source brings does not have a collection tried again that was given up', async () => {
    const lister = scriptedLister({
      [A]: () => Promise.reject(new RelayError('RELAY_STATUS', 'no', { relay: 'relay.test', status: 404 })),
      [B]: pagesOf(B, 1),
      [C]: pagesOf(C, 1),
    })
    const known = [A, B]
    const live: CollectionSource = {
      name: 'live',
      live: true,
      async *collections() {
        for (const nsid of known) yield { nsid }
      },
    }
    const failed: string[] = []
    const { sink, start } = setUp(lister, {
      collections: [live],
      onEvent: listenTo({
        collectionFailed: ({ collection }) => failed.push(collection),
        page: ({ completed }) => completed && known.push(C),
      }),
    })
    await expect(start().run()).rejects.toMatchObject({ failures: [{ collection: A, attempts: 1 }] })
    expect(sink.pairs.get(C)?.size).toBe(2)
    expect(failed).toEqual([A])
  })

  it('a live source that fails at the end is told, and named in the summary', async () => {
    let asked = 0
    const fault = new Error('broken')
    const live: CollectionSource = {
      name: 'live',
      live: true,
      async *collections() {
        asked += 1
        if (asked > 1) throw fault
        yield { nsid: A }
      },
    }
    const told: unknown[] = []
    const { start } = setUp(scriptedLister({ [A]: pagesOf(A, 1) }), {
      collections: [live],
      onEvent: listenTo({ sourceFailed: (context) => told.push(context) }),
    })
    expect(await start().run()).toMatchObject({ completed: 1, failedSources: ['live'] })
    expect(told).toEqual([{ type: 'sourceFailed', relay: 'relay.test', source: 'live', error: fault }])
  })

  it('goes on with what is registered when every source fails', async () => {
    const { start } = setUp(scriptedLister({ [A]: pagesOf(A, 6) }), { collections: [knownCollections([A])] })
    const first = start()
    await first.next()
    await first.return()
    expect(await start({ collections: [failing] }).run()).toMatchObject({ completed: 1 })
  })
})

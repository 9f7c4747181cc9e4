import { describe, expect, it } from 'vitest'
import {
  type BackfillEvent,
  type CollectionSource,
  createBackfiller,
  DiscoveryError,
  knownCollections,
  memoryStore,
  plan,
  RelayUnsuitableError,
  relayLister,
} from '../../src/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { scriptedLister } from '../support/scripted-lister.ts'

const PROFILE = 'app.bsky.actor.profile'
const sizes = { [PROFILE]: 950, 'com.example.big': 430, 'com.example.mid': 100, 'com.example.small': 3 }
const sized = Object.entries(sizes).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))

describe('plan', () => {
  it('says what a run would read, by sizes and by a few pages, and how much of the disk that takes', async () => {
    await using relay = await startRelay({ collections: { ...sizes, 'com.example.unsized': 7 } })
    const store = { ...memoryStore(), bytesPerPair: 100 }
    const planned = await plan({
      relay: relayLister(relay.url, { pageSize: 100 }),
      store,
      collections: [knownCollections(sized), 'com.example.unsized'],
      concurrency: 2,
    })
    expect(planned).toEqual({
      relays: [
        {
          relay: relay.url,
          collections: [
            // Ten pages, and the first one again; and so on.
            { collection: PROFILE, repos: 950, requests: 11 },
            { collection: 'com.example.big', repos: 430, requests: 6 },
            { collection: 'com.example.mid', repos: 100, requests: 1 },
            { collection: 'com.example.small', repos: 3, requests: 1 },
            { collection: 'com.example.unsized', requests: 1 },
          ],
          complete: 0,
          repos: 1_483,
          unsized: 1,
          requests: 21,
          pageSize: 100,
          msPerPage: expect.any(Number),
          durationMs: expect.any(Number),
          failedSources: [],
        },
      ],
      pairs: 1_483,
      bytes: 148_300,
      durationMs: planned.relays[0]?.durationMs,
      atLeast: false,
    })
    expect(relay.requests.length).toBeLessThanOrEqual(1 + 2 * 2 + 2)
    const [first] = planned.relays
    expect(first?.msPerPage).toBeGreaterThan(0)
    // The largest takes eleven pages, one after the other.
    expect(first?.durationMs).toBeGreaterThanOrEqual(11 * (first?.msPerPage ?? 0))
    expect(await store.progress.list()).toEqual([])
    expect(store.sink.pairs.size).toBe(0)
  })

  it('leaves out what was cancelled, which no run reads, whatever is refreshed', async () => {
    await using relay = await startRelay({ collections: sizes })
    const store = memoryStore()
    await store.progress.register(relay.url, sized)
    await store.progress.cancel(relay.url, ['com.example.big'])
    const options = { relay: relay.url, store, collections: [knownCollections(sized)] }
    for (const refresh of [{}, { refreshBefore: new Date() }, { keepFailed: true }]) {
      const [planned] = (await plan({ ...options, ...refresh })).relays
      expect(planned?.collections.map(({ collection }) => collection)).toEqual([
        PROFILE,
        'com.example.mid',
        'com.example.small',
      ])
      expect(planned?.complete).toBe(1)
    }
  })

  it('leaves out what is complete, unless it would be refreshed, and what was read of the rest', async () => {
    await using relay = await startRelay({ collections: sizes })
    const store = memoryStore()
    const options = {
      relay: relayLister(relay.url, { pageSize: 100 }),
      store,
      collections: [knownCollections(sized)],
    }
    for await (const { collection, pages } of createBackfiller({ ...options, concurrency: 1, pagesAhead: 1 }))
      if (collection === 'com.example.big' && pages === 2) break
    const before = await store.progress.list()
    const [planned] = (await plan(options)).relays
    expect(planned?.complete).toBe(1)
    expect(planned?.collections[0]).toEqual({ collection: 'com.example.big', repos: 230, requests: 4 })
    expect(await store.progress.list()).toEqual(before)
    const refreshed = await plan({ ...options, refreshBefore: new Date(Date.now() + 60_000) })
    // As a whole, also the one whose first pages were read before that moment.
    expect(refreshed.relays[0]).toMatchObject({ complete: 0, repos: 950 + 430 + 103 })
  })

  it('takes a pair that several relays list for one, and reads them side by side', async () => {
    const relays = ['a.test', 'b.test'].map((name) =>
      scriptedLister({ 'com.example.a': [{ dids: ['did:web:a.test'] }] }, name),
    )
    const known = knownCollections([{ nsid: 'com.example.a', estimatedRepos: 9 }])
    const planned = await plan({ relay: relays, store: memoryStore(), collections: [known] })
    expect(planned).toMatchObject({ pairs: 9, atLeast: false, relays: [{ repos: 9 }, { repos: 9 }] })
    expect(planned.bytes).toBeUndefined()
  })

  it('fails as a run would: for a relay that cannot serve, with nothing to do, with the caller’s reason', async () => {
    await using relay = await startRelay({ collections: {} })
    const collections: CollectionSource[] = [knownCollections([])]
    const store = memoryStore()
    await expect(plan({ relay: relay.url, store })).rejects.toBeInstanceOf(RelayUnsuitableError)
    const lister = relayLister(relay.url, { checkCollection: false })
    await expect(plan({ relay: lister, store, collections })).rejects.toBeInstanceOf(DiscoveryError)
    const aborted = plan({ relay: lister, store, signal: AbortSignal.abort('enough') })
    await expect(aborted).rejects.toBe('enough')
  })

  it('goes on where a source fails or a collection cannot be read, and tells', async () => {
    const events: BackfillEvent[] = []
    const broken: CollectionSource = {
      name: 'broken',
      // biome-ignore lint/correctness/useYield: it fails before that
      async *collections() {
        throw new Error('no list')
      },
    }
    const relay = scriptedLister({
      'com.example.a': [{ dids: ['did:web:a.test'] }],
      'com.example.b': () => Promise.reject(new Error('refused')),
    })
    const planned = await plan({
      relay,
      store: memoryStore(),
      collections: [broken, 'com.example.a', 'com.example.b'],
      retry: { retries: 0 },
      onEvent: (event) => events.push(event),
    })
    expect(planned).toMatchObject({ atLeast: true, pairs: 0 })
    expect(planned.relays[0]).toMatchObject({ unsized: 2, requests: 2, failedSources: ['broken'] })
    expect(events.map(({ type }) => type)).toContain('sourceFailed')
  })
})

import { describe, expect, it } from 'vitest'
import {
  type BackfillEvent,
  type BackfillOptions,
  createBackfiller,
  isBackfillError,
  memoryStore,
  plan,
} from '../../src/index.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'

const SIZES = { 'app.bsky.a': 3, 'app.bsky.b': 4, 'com.example.a': 5, 'com.example.b': 6 }

async function served(): Promise<TestRelay> {
  return startRelay({ collections: SIZES })
}

/** A run to its end, and what it told. */
async function runOf(relay: TestRelay, options: Omit<BackfillOptions, 'relay'>): Promise<BackfillEvent[]> {
  const events: BackfillEvent[] = []
  await createBackfiller({
    relay: relay.url,
    collections: Object.keys(SIZES),
    onEvent: (event) => events.push(event),
    ...options,
  }).run()
  return events
}

function namesIn(events: readonly BackfillEvent[]): string[] {
  return events
    .flatMap((event) => (event.type === 'page' && event.completed ? [event.collection] : []))
    .sort()
}

describe('only and except', () => {
  it.each([
    [{ only: ['app.bsky.*'] }, ['app.bsky.a', 'app.bsky.b']],
    [{ only: ['app.bsky.*'], except: ['APP.bsky.a'] }, ['app.bsky.b']],
    [{ except: ['com.example.*'] }, ['app.bsky.a', 'app.bsky.b']],
    [{ only: ['com.example.b', 'app.bsky.a'] }, ['app.bsky.a', 'com.example.b']],
    [{ only: ['*'], except: [] }, Object.keys(SIZES)],
  ])('%j', async (filter, expected) => {
    await using relay = await served()
    const store = memoryStore()
    expect(namesIn(await runOf(relay, { store, ...filter }))).toEqual(expected)
    // Nothing else is registered, so no later run finds it there.
    expect((await store.progress.list()).map(({ collection }) => collection)).toEqual(expected)
  })

  it('leave alone what earlier runs registered, name it, and the run is complete without it', async () => {
    await using relay = await served()
    const store = memoryStore()
    const { progress } = store
    const names = Object.keys(SIZES)
    const { relay: name } = (await plan({ relay: relay.url, store, collections: names })).relays[0] ?? {
      relay: '',
    }
    await progress.register(
      name,
      names.map((nsid) => ({ nsid })),
    )
    const failed = await progress.claim({
      relay: name,
      owner: 'x',
      leaseMs: 1_000,
      collections: ['com.example.b'],
    })
    if (failed === undefined) throw new Error('There is nothing to claim.')
    await progress.release(failed, { kind: 'failed', error: 'gone' })
    const events = await runOf(relay, { store, only: ['app.bsky.*', 'org.nowhere.*'] })
    expect(namesIn(events)).toEqual(['app.bsky.a', 'app.bsky.b'])
    expect(events.find(({ type }) => type === 'discovered')).toMatchObject({
      leftOut: ['com.example.a', 'com.example.b'],
      unmatched: ['org.nowhere.*'],
    })
    const states = (await progress.list()).map(({ state }) => state)
    expect(states).toEqual(['complete', 'complete', 'pending', 'failed'])
    // Without the filter, the next run finishes them.
    expect(namesIn(await runOf(relay, { store }))).toEqual(['com.example.a', 'com.example.b'])
  })

  it('hold for a plan as for the run', async () => {
    await using relay = await served()
    const options = { relay: relay.url, store: memoryStore(), collections: Object.keys(SIZES) }
    const { relays } = await plan({ ...options, except: ['app.bsky.*', 'org.nowhere.*'] })
    expect(relays[0]?.collections.map(({ collection }) => collection).sort()).toEqual([
      'com.example.a',
      'com.example.b',
    ])
    expect(relays[0]?.unmatched).toEqual(['org.nowhere.*'])
  })

  it('that leave out everything are refused, and so are those that are no pattern', async () => {
    await using relay = await served()
    const store = memoryStore()
    const error = await runOf(relay, { store, except: ['*'] }).catch((error: unknown) => error)
    expect(isBackfillError(error, 'INVALID_OPTION') && error.message).toContain('all 4 of them')
    for (const only of [[], ['app.bsky'], ['x*'], [7]] as string[][])
      expect(() => createBackfiller({ relay: relay.url, store, only })).toThrow(/^only must be/)
    expect(() => createBackfiller({ relay: relay.url, store, except: ['nope'] })).toThrow(/^except must be/)
  })
})

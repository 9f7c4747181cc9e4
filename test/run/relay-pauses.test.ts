import { expect, it } from 'vitest'
import { createBackfiller, memoryStore, RelayError, type RepoLister } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { createRelayPauses } from '../../src/run/relay-pauses.ts'

const relay = 'relay.test'

function setUp() {
  const progress = memoryProgressStore()
  const events: unknown[] = []
  const stop = new AbortController()
  const pauses = createRelayPauses({ relay, progress, emit: (event) => events.push(event), stop })
  return { progress, events, stop, pauses }
}

it('a source that asks another relay of the run waits for what that one asked an earlier run for', async () => {
  const { progress, events, stop, pauses } = setUp()
  await progress.pauseRelay('other.test', 3_600_000)
  const asked: string[] = []
  const paced = (name: string) => ({
    relay: name,
    paced<T>(_: AbortSignal | undefined, send: () => Promise<T>): Promise<T> {
      asked.push(name)
      return send()
    },
  })
  const send = async () => ({ status: 200, headers: new Headers() })
  const [own, other] = pauses.respecting([paced(relay), paced('other.test')])
  await own?.paced?.(stop.signal, send)
  const waiting = other?.paced?.(stop.signal, send)
  await expect.poll(() => events).toMatchObject([{ type: 'paused', relay: 'other.test' }])
  stop.abort('enough')
  await expect(waiting).rejects.toBe('enough')
  expect(asked).toEqual([relay])
})

it('a wait of more than a day is kept for a day, and not before the run has ended because of it', async () => {
  const { progress, pauses } = setUp()
  pauses.keep(10 ** 12)
  expect((await progress.remaining(relay)).relayPauseMs).toBeUndefined()
  await pauses.end()
  const { relayPauseMs = 0 } = await progress.remaining(relay)
  expect(relayPauseMs).toBeGreaterThan(86_390_000)
  expect(relayPauseMs).toBeLessThanOrEqual(86_400_000)
})

it('a wait that is over before a process could start again is not kept', async () => {
  const { progress, pauses } = setUp()
  pauses.keep(999)
  await pauses.end()
  expect((await progress.remaining(relay)).relayPauseMs).toBeUndefined()
})

it.each<{ call: string; lister: Partial<RepoLister> }>([
  { call: 'list', lister: {} },
  { call: 'check', lister: { check: refuse } },
])('a wait that a lister tells by the error of its $call alone is kept', async ({ lister }) => {
  const store = memoryStore()
  const stop = new AbortController()
  const run = createBackfiller({
    relay: { relay, listRepos: refuse, ...lister },
    collections: ['com.example.a'],
    store,
    signal: stop.signal,
    onEvent: ({ type }) => {
      if (type === 'retry' || type === 'collectionFailed') stop.abort('enough')
    },
  })
  await expect(run.run()).rejects.toBe('enough')
  expect((await store.progress.remaining(relay)).relayPauseMs).toBeGreaterThan(3_500_000)
})

async function refuse(): Promise<never> {
  throw new RelayError('RELAY_STATUS', 'wait', {
    relay,
    status: 429,
    retryable: true,
    retryAfterMs: 3_600_000,
  })
}

import { describe, expect, it } from 'vitest'
import { type BackfillEvent, type ProgressStore, StoreUnavailableError } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { createPatience, patientStore } from '../../src/run/patient-store.ts'
import { gate } from '../support/scripted-lister.ts'

const RELAY = 'relay.test'
const A = 'com.example.a'

function patient(progress: ProgressStore, timeoutMs = 60_000) {
  const events: BackfillEvent[] = []
  const stop = new AbortController()
  const { signal } = stop
  const patience = createPatience({ relay: RELAY, timeoutMs, signal, emit: (event) => events.push(event) })
  return { store: patientStore(progress, patience, signal), patience, events, stop }
}

describe('a store that is unavailable', () => {
  it('is asked again until it answers, and each wait is told, and that it is back, once', async () => {
    const inner = memoryProgressStore()
    let asked = 0
    const { store, events } = patient({
      ...inner,
      async register(...call) {
        asked += 1
        if (asked < 2) throw new StoreUnavailableError('down', undefined)
        return inner.register(...call)
      },
    })
    await store.register(RELAY, [{ nsid: A }])
    expect(events).toMatchObject([
      { type: 'storeUnavailable', relay: RELAY, attempt: 1 },
      { type: 'storeAvailable', relay: RELAY, unavailableMs: expect.any(Number) },
    ])
    expect(await store.list({ relay: RELAY })).toMatchObject([{ collection: A }])
  })

  it('is waited for no longer than the run lasts', async () => {
    const { store, stop } = patient({ ...memoryProgressStore(), remaining: () => new Promise(() => {}) })
    const remaining = store.remaining(RELAY)
    const reason = new Error('enough')
    stop.abort(reason)
    await expect(remaining).rejects.toBe(reason)
  })

  it('that never answers counts as unavailable after a while', async () => {
    let asked = 0
    const { patience, events } = patient(memoryProgressStore(), 20)
    const answer = patience.wait(async () => {
      asked += 1
      return asked === 1 ? new Promise<string>(() => {}) : 'answered'
    })
    expect(await answer).toBe('answered')
    expect(events).toMatchObject([{ error: { code: 'STORE_UNAVAILABLE' } }, { type: 'storeAvailable' }])
  })
})

it('another error comes out at once', async () => {
  const wrong = new Error('no such column')
  const { store, events } = patient({ ...memoryProgressStore(), list: () => Promise.reject(wrong) })
  await expect(store.list()).rejects.toBe(wrong)
  expect(events).toEqual([])
})

it('a claim that is granted to a run which has ended meanwhile is released', async () => {
  const inner = memoryProgressStore()
  await inner.register(RELAY, [{ nsid: A }])
  const asked = gate()
  const { store, stop } = patient({
    ...inner,
    async claim(request) {
      await asked.wait()
      return inner.claim(request)
    },
  })
  const claim = store.claim({ relay: RELAY, owner: 'worker', leaseMs: 60_000 })
  await asked.reached
  stop.abort(new Error('enough'))
  asked.pass()
  await expect(claim).rejects.toThrow('enough')
  expect(await inner.remaining(RELAY)).toEqual({ collections: 1, dueInMs: 0 })
})

it('a claim is released also when the run is over', async () => {
  const inner = memoryProgressStore()
  await inner.register(RELAY, [{ nsid: A }])
  const { store, stop } = patient(inner)
  const claim = await store.claim({ relay: RELAY, owner: 'worker', leaseMs: 60_000 })
  stop.abort(new Error('enough'))
  if (claim !== undefined) await store.release(claim)
  expect(await inner.remaining(RELAY)).toEqual({ collections: 1, dueInMs: 0 })
})

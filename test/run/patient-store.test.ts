import { describe, expect, it } from 'vitest'
import {
  BackfillError,
  type BackfillEvent,
  type ProgressStore,
  StoreUnavailableError,
} from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { createPatience, patientStore } from '../../src/run/patient-store.ts'
import { gate } from '../support/scripted-lister.ts'

const RELAY = 'relay.test'
const A = 'com.example.a'

function patient(progress: ProgressStore, timeoutMs = 60_000) {
  const events: BackfillEvent[] = []
  const stop = new AbortController()
  const { signal } = stop
  const parts = { relay: RELAY, signal, emit: (event: BackfillEvent) => events.push(event) }
  const patience = createPatience({ ...parts, timeoutMs })
  const retry = { retries: 2, minDelayMs: 1, maxDelayMs: 1 }
  return { store: patientStore(progress, { ...parts, patience, retry }), patience, events, stop }
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

describe('a run that ends while it claims', () => {
  // An answer comes back through some twenty promises; the run may end at each of them.
  const turns = Array.from({ length: 40 }, (_, i) => i)

  it.each(turns)(
    'has the claim or has released it, when it ends %i turns after the store granted it',
    async (turn) => {
      const inner = memoryProgressStore()
      await inner.register(RELAY, [{ nsid: A }])
      const { store, stop } = patient({
        ...inner,
        async claim(request) {
          const claim = await inner.claim(request)
          void endAfter(turn)
          return claim
        },
      })
      async function endAfter(left: number): Promise<void> {
        for (let i = 0; i < left; i += 1) await undefined
        stop.abort(new Error('enough'))
      }
      const claim = await store
        .claim({ relay: RELAY, owner: 'worker', leaseMs: 60_000 })
        .catch(() => undefined)
      const [row] = await inner.list()
      expect(row?.state).toBe(claim === undefined ? 'pending' : 'running')
    },
  )
})

describe.each(['register', 'claim', 'renew', 'release', 'pauseRelay', 'remaining', 'list'] as const)(
  'a store whose %s fails with an error that says nothing',
  (call) => {
    const wrong = new Error('fetch failed')
    const claim = {
      ...{ relay: RELAY, collection: A, owner: 'worker', leaseMs: 60_000, epoch: 1 },
      ...{ pages: 0, imported: 0, invalid: 0, attempts: 0, restarts: 0 },
    }
    const calls = {
      register: (store: ProgressStore) => store.register(RELAY, [{ nsid: A }]),
      claim: (store: ProgressStore) => store.claim(claim),
      renew: (store: ProgressStore) => store.renew(claim, 60_000),
      release: (store: ProgressStore) => store.release(claim),
      pauseRelay: (store: ProgressStore) => store.pauseRelay(RELAY, 1),
      remaining: (store: ProgressStore) => store.remaining(RELAY),
      list: (store: ProgressStore) => store.list({ relay: RELAY }),
    }
    function failing(times: number, error: unknown = wrong) {
      let asked = 0
      const fail = () => {
        asked += 1
        return asked <= times ? Promise.reject(error) : Promise.resolve({ collections: 7 })
      }
      return { ...patient({ ...memoryProgressStore(), [call]: fail }), asked: () => asked }
    }

    it('is asked again, as often as for a write of pages, and each time is told', async () => {
      const { store, events, asked } = failing(2)
      await calls[call](store)
      expect(asked()).toBe(3)
      expect(events).toMatchObject([1, 2].map((attempt) => ({ type: 'retry', call, attempt, error: wrong })))
      if (call !== 'register') await store.list()
    })

    it('is not asked for ever, and what else is to be done goes on until the list', async () => {
      const { store, asked } = failing(Number.POSITIVE_INFINITY)
      const answer = calls[call](store)
      if (call === 'register' || call === 'renew' || call === 'list') await expect(answer).rejects.toBe(wrong)
      else {
        await answer
        expect(await store.remaining(RELAY)).toEqual({ collections: 0 })
        await expect(store.list()).rejects.toBe(wrong)
      }
      expect(asked()).toBe(3)
    })

    it('is asked once where the error says that no retry helps, or ends the run', async () => {
      const useless = new BackfillError('DISK_QUOTA', 'full')
      const { store, events, asked } = failing(1, useless)
      await calls[call](store).catch((error: unknown) => expect(error).toBe(useless))
      expect([asked(), events]).toEqual([1, []])
      const everywhere = new BackfillError('DISK_QUOTA', 'full', { scope: 'run' })
      await expect(calls[call](failing(1, everywhere).store)).rejects.toBe(everywhere)
    })
  },
)

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

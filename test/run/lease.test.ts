import { describe, expect, it } from 'vitest'
import {
  type BackfillEvent,
  type Claim,
  ClaimLostError,
  createBackfiller,
  memoryStore,
  type ProgressStore,
} from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { keepLease } from '../../src/run/lease.ts'
import { gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const SOURCE = 'relay.test'

async function claimOn(progress: ProgressStore, leaseMs: number): Promise<Claim> {
  await progress.register(SOURCE, [{ nsid: 'com.example.a' }])
  const claim = await progress.claim({ relay: SOURCE, owner: 'worker', leaseMs })
  if (claim === undefined) throw new Error('nothing to claim')
  return claim
}

describe('a kept lease', () => {
  it('outlasts its length as long as it is kept', async () => {
    const store = memoryProgressStore()
    const renewedOften = gate()
    let renewals = 0
    const progress: ProgressStore = {
      ...store,
      async renew(claim, leaseMs) {
        renewals += 1
        if (renewals === 5) void renewedOften.wait()
        return store.renew(claim, leaseMs)
      },
    }
    const lease = keepLease(await claimOn(progress, 90), progress, new AbortController().signal)
    await renewedOften.reached
    expect(await progress.claim({ relay: SOURCE, owner: 'another', leaseMs: 90 })).toBeUndefined()
    lease.letGo()
    await expect.poll(() => progress.claim({ relay: SOURCE, owner: 'another', leaseMs: 90 })).toBeDefined()
  })

  it('aborts with the ClaimLostError of a renewal', async () => {
    const progress = memoryProgressStore()
    const claim = await claimOn(progress, 100)
    await progress.release(claim)
    const lease = keepLease(claim, progress, new AbortController().signal)
    await expect.poll(() => lease.signal.reason).toBeInstanceOf(ClaimLostError)
    lease.letGo()
  })

  it('lives through a renewal that fails, and asks a store that hangs once', async () => {
    const store = memoryProgressStore()
    const second = gate()
    let asked = 0
    const progress: ProgressStore = {
      ...store,
      renew() {
        asked += 1
        return asked === 1
          ? Promise.reject(new Error('no answer'))
          : second.wait().then(() => Promise.reject(new Error('late')))
      },
    }
    const lease = keepLease(await claimOn(progress, 60), progress, new AbortController().signal)
    await second.reached
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([asked, lease.signal.aborted]).toEqual([2, false])
    lease.letGo()
    second.pass()
  })

  it('aborts with its run, for the run’s own reason', async () => {
    const progress = memoryProgressStore()
    const run = new AbortController()
    const lease = keepLease(await claimOn(progress, 60_000), progress, run.signal)
    const reason = new Error('enough')
    run.abort(reason)
    expect(lease.signal.reason).toBe(reason)
    lease.letGo()
  })
})

it('a renewal that finds the collection complete does not take the event of its last page away', async () => {
  const store = memoryProgressStore()
  const lost = gate()
  const progress: ProgressStore = {
    ...store,
    // The last commit has happened, and its answer is on its way while the renewal asks.
    async advance(...call) {
      const claim = await store.advance(...call)
      await lost.reached
      return claim
    },
    async renew(...call) {
      try {
        return await store.renew(...call)
      } catch (error) {
        setTimeout(() => void lost.wait())
        throw error
      }
    },
  }
  const events: BackfillEvent[] = []
  const backfiller = createBackfiller({
    relay: scriptedLister({ 'com.example.a': pagesOf('com.example.a', 1) }),
    collections: ['com.example.a'],
    store: { sink: memoryStore().sink, progress },
    leaseMs: 100,
    // On a busy machine the lease may run out: no other worker is there to take the collection then.
    concurrency: 1,
    onEvent: (event) => events.push(event),
  })
  expect(await backfiller.run()).toMatchObject({ completed: 1, added: 2 })
  expect(events.map(({ type }) => type)).not.toContain('claimLost')
})

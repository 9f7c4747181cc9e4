import { describe, expect, it } from 'vitest'
import { type RepoIndex, relayLister, verify } from '../../src/index.ts'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { PROFILE } from '../support/e2e.ts'
import { listenTo } from '../support/listen-to.ts'
import { gate, scriptedLister } from '../support/scripted-lister.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { A, B, FIRST, SORTED } from '../support/verification.ts'

describe('it stops as a backfiller does', () => {
  const reason = new Error('the caller has had enough')
  const index = memoryIndex(new Map([[A, new Set(SORTED)]]))

  it('nothing is asked for before the first report', async () => {
    const lister = scriptedLister({})
    await verify({ relay: lister, index }).return()
    expect(lister.requests).toEqual([])
  })

  it('an abort, with its own reason and within a second, while the relay is silent', async () => {
    const silent = gate<{ dids: string[] }>()
    const controller = new AbortController()
    const lister = scriptedLister({ [A]: () => silent.wait() })
    const running = verify({ relay: lister, index, signal: controller.signal }).run()
    await silent.reached
    const stopwatch = startStopwatch()
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    expect(stopwatch.stop()).toBeLessThan(1_000)
    silent.pass({ dids: [] })
  })

  it('an abort while the index is silent', async () => {
    const silent = gate<{ dids: string[] }>()
    const controller = new AbortController()
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const slow: RepoIndex = { listRepos: () => silent.wait() }
    const running = verify({ relay: lister, index: slow, collections: [A], signal: controller.signal }).run()
    await silent.reached
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    silent.pass({ dids: [] })
  })

  it('aborted beforehand, it asks nobody', async () => {
    const lister = scriptedLister({})
    const running = verify({ relay: lister, index, signal: AbortSignal.abort(reason) }).run()
    await expect(running).rejects.toBe(reason)
    expect(lister.requests).toEqual([])
  })

  it('left after a report, it asks for no other collection', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: [FIRST], [A]: SORTED, [B]: SORTED } })
    for await (const { collection } of verify({
      relay: relayLister(relay.url),
      index,
      collections: [A, B],
    })) {
      expect(collection).toBe(A)
      break
    }
    await expect.poll(() => relay.inFlight).toBe(0)
    expect(relay.requestsOf(B)).toEqual([])
  })

  it('what a hook throws ends it', async () => {
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const requested = () => {
      throw reason
    }
    await expect(verify({ relay: lister, index, onEvent: listenTo({ requested }) }).run()).rejects.toBe(
      reason,
    )
  })
})

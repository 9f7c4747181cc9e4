import { describe, expect, it, vi } from 'vitest'
import type { CollectionProgress, ProgressStore } from '../../../src/index.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { adminHandler } from '../../../src/server/index.ts'
import { backfillerOf, PROFILE, request, startAdmin, TOKEN } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'
import { gate } from '../../support/scripted-lister.ts'

describe('stopping', () => {
  it('hands the claims back before it is answered, and the next run goes on from there', async () => {
    await using parked = await startParkedRelay(4)
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [relay.url] })
    await admin.ask('POST')
    await parked.parked
    await admin.until(({ collections }) => collections.some(({ imported }) => imported === 400))
    const stopped = await admin.ask('DELETE')
    expect({ ...stopped, headers: undefined }).toMatchObject({ status: 200, body: { status: 'stopped' } })
    const rows = await admin.progress.list()
    expect(rows.map(({ state }) => state)).not.toContain('running')
    expect(await admin.status()).toMatchObject({
      running: false,
      outcome: 'stopped',
      error: null,
      running_collections: 0,
    })
    expect((await admin.ask('DELETE')).body).toEqual({ status: 'idle' })

    parked.letGo()
    expect((await admin.ask('POST')).status).toBe(200)
    await admin.until(({ outcome }) => outcome === 'complete')
    const offsets = relay.requestsOf(BIG).map(({ offset }) => offset)
    expect(new Set(offsets.slice(0, 5)).size).toBe(5)
    // To begin, before it went on, and before the end.
    expect(offsets.filter((offset) => offset === 0)).toHaveLength(3)
  })

  it('reaches a backfiller that was not given the signal', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const progress = memoryProgressStore()
    await using admin = await startAdmin({
      progress,
      allowedRelays: [relay.url],
      backfill: ({ relay: source, onEvent }) => backfillerOf(source, progress, [PROFILE, BIG], { onEvent }),
    })
    await admin.ask('POST')
    await parked.parked
    expect((await admin.ask('DELETE')).body).toEqual({ status: 'stopped' })
    expect((await progress.list()).map(({ state }) => state)).not.toContain('running')
    expect(await admin.status()).toMatchObject({ outcome: 'stopped' })
  })

  it('lets a generator around a backfiller close what it has opened, before it is answered', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const progress = memoryProgressStore()
    const closed = vi.fn()
    const seen: string[] = []
    await using admin = await startAdmin({
      progress,
      allowedRelays: [relay.url],
      async *backfill({ relay: source, signal, onEvent }) {
        using _opened = { [Symbol.dispose]: closed }
        for await (const page of backfillerOf(source, progress, [PROFILE, BIG], { signal, onEvent })) {
          seen.push(page.collection)
          yield page
        }
      },
    })
    await admin.ask('POST')
    await parked.parked
    await admin.until(({ total_imported }) => total_imported === 250)
    expect(closed).not.toHaveBeenCalled()
    expect((await admin.ask('DELETE')).body).toEqual({ status: 'stopped' })
    expect(closed).toHaveBeenCalledTimes(1)
    expect(seen).toHaveLength(3)
  })

  it('comes too late for a run that is over but for the last look at the store', async () => {
    const reading = gate<CollectionProgress[]>()
    const inner = memoryProgressStore()
    let isOver = false
    const progress: ProgressStore = { ...inner, list: () => (isOver ? reading.wait() : inner.list()) }
    const asked = Promise.withResolvers<void>()
    await using admin = await startAdmin({
      progress,
      allowedRelays: ['relay.example.com'],
      async *backfill({ signal }) {
        signal.addEventListener('abort', () => asked.resolve())
        isOver = true
      },
    })
    void admin.ask('POST')
    await reading.reached
    const stopped = admin.ask('DELETE')
    await asked.promise
    isOver = false
    reading.pass([])
    expect(await stopped).toMatchObject({ status: 200 })
    expect(await admin.status()).toMatchObject({ running: false, outcome: 'complete' })
  })

  it('with the process: the signal stops the run, ends the streams and has requests answered with 503', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const stop = new AbortController()
    const onEnd = vi.fn()
    await using admin = await startAdmin({
      collections: [PROFILE, BIG],
      allowedRelays: [relay.url],
      signal: stop.signal,
      onEnd,
    })
    await using reader = await admin.events()
    await admin.ask('POST')
    await parked.parked
    stop.abort(new Error('SIGTERM'))
    const names = (await Array.fromAsync(reader)).map(({ name }) => name)
    expect(names.at(-1)).toBe('snapshot')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith({ relay: relay.url, outcome: 'stopped' })
    expect((await admin.progress.list()).map(({ state }) => state)).not.toContain('running')
    expect(await admin.ask('POST')).toMatchObject({ status: 503, body: { error: 'ShuttingDown' } })
    expect(await admin.ask('GET')).toMatchObject({ status: 503 })
  })

  it('with the process has a retry begin no run that came just before', async () => {
    const retrying = gate<number>()
    const progress: ProgressStore = { ...memoryProgressStore(), retryFailed: () => retrying.wait() }
    const backfill = vi.fn()
    const onError = vi.fn()
    const handler = adminHandler({
      token: TOKEN,
      backfill,
      progress,
      allowedRelays: ['relay.example.com'],
      onError,
    })
    const retried = handler(request('POST', '/retry'))
    await retrying.reached
    await handler[Symbol.asyncDispose]()
    retrying.pass(1)
    expect((await retried).status).toBe(503)
    expect(backfill).not.toHaveBeenCalled()
    expect(onError).not.toHaveBeenCalled()
  })

  it('by closing the handler resolves once the claims are handed back', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const progress = memoryProgressStore()
    {
      await using admin = await startAdmin({
        progress,
        collections: [PROFILE, BIG],
        allowedRelays: [relay.url],
      })
      await admin.ask('POST')
      await parked.parked
      await admin.handler.close()
      expect((await progress.list()).map(({ state }) => state)).not.toContain('running')
    }
  })
})

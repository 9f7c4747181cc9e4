import { describe, expect, it, vi } from 'vitest'
import { BackfillError } from '../../../src/index.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { adminHandler } from '../../../src/server/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { PROFILE, request, startAdmin, TOKEN } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'
import { gate } from '../../support/scripted-lister.ts'

describe('starting', () => {
  it('needs no source where one is allowed alone', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    await using admin = await startAdmin({ collections: [PROFILE], allowedRelays: [relay.url] })
    expect((await admin.ask('POST')).body).toEqual({ status: 'started', source: relay.url, collections: 1 })
  })

  it('that takes too long to discover is answered with 202, and goes on', async () => {
    const { reached, wait, pass } = gate()
    await using relay = await startRelay({
      collections: { [PROFILE]: 10 },
      script: () => wait().then(() => undefined),
    })
    await using admin = await startAdmin({ collections: [PROFILE], allowedRelays: [relay.url] })
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const asked = admin.ask('POST')
    await reached
    vi.advanceTimersByTime(30_000)
    vi.useRealTimers()
    const { status, body } = await asked
    expect({ status, body }).toEqual({
      status: 202,
      body: { status: 'starting', source: relay.url, collections: 0 },
    })
    expect(await admin.status()).toMatchObject({ running: true })
    pass()
    expect(await admin.until(({ running }) => !running)).toMatchObject({
      outcome: 'complete',
      total_imported: 10,
    })
  })

  it('with a relay that cannot serve a backfill is answered with 502 and its reason, which the status has too', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 0 } })
    const onEnd = vi.fn()
    await using admin = await startAdmin({ collections: [PROFILE], allowedRelays: [relay.url], onEnd })
    const { status, body } = await admin.ask('POST')
    expect(status).toBe(502)
    expect(body).toEqual({
      error: 'RELAY_UNSUITABLE',
      message: expect.stringContaining('lists no repository'),
    })
    const { error, outcome, running, last_error } = await admin.status()
    expect({ outcome, running, error }).toEqual({
      outcome: 'failed',
      running: false,
      error: { code: 'RELAY_UNSUITABLE', message: expect.stringContaining('lists no repository') },
    })
    expect(last_error).toMatchObject({ code: 'RELAY_UNSUITABLE', collection: null })
    expect(onEnd).toHaveBeenCalledExactlyOnceWith({
      relay: relay.url,
      outcome: 'failed',
      error: expect.any(BackfillError),
    })
    expect((await admin.ask('POST')).status).toBe(502)
  })

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('no database')
      },
      'no database',
    ],
    ['rejects', () => Promise.reject(new Error('no database')), 'no database'],
    ['gives no backfiller', () => ({}), 'backfill must be'],
  ])('with a function that %s is answered with 500, and the status tells', async (_, backfill, message) => {
    const handler = adminHandler({
      token: TOKEN,
      backfill: backfill as never,
      progress: memoryProgressStore(),
      allowedRelays: ['relay.example.com'],
    })
    const response = await handler(request('POST'))
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ message: expect.stringContaining(message) })
    expect(await (await handler(request('GET'))).json()).toMatchObject({
      outcome: 'failed',
      running: false,
      error: { message: expect.stringContaining(message) },
    })
  })
})

describe('a run that the program begins', () => {
  it('is watched and stopped as one that an operator began, and tells how it ended', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [relay.url] })
    const ended = admin.handler.run(relay.url)
    await parked.parked
    expect(await admin.status()).toMatchObject({ running: true, total: 2 })
    expect((await admin.ask('POST')).status).toBe(409)
    await admin.ask('DELETE')
    expect(await ended).toEqual({ outcome: 'stopped' })
    parked.letGo()
    expect(await admin.handler.run(relay.url)).toEqual({ outcome: 'complete' })
  })

  it('waits for the end of one that is under way', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const ends: string[] = []
    await using admin = await startAdmin({
      collections: [PROFILE, BIG],
      allowedRelays: [relay.url],
      onEnd: ({ outcome }) => ends.push(outcome),
    })
    await admin.ask('POST')
    await parked.parked
    const ended = admin.handler.run(relay.url)
    parked.letGo()
    expect(await ended).toEqual({ outcome: 'complete' })
    expect(ends).toEqual(['complete', 'complete'])
  })

  it('ends with its error, and is refused for a relay that is not allowed', async () => {
    await using admin = await startAdmin({
      collections: [PROFILE],
      allowedRelays: ['relay.example'],
      backfill: () => {
        throw new Error('no backfiller')
      },
    })
    expect(await admin.handler.run('relay.example')).toMatchObject({
      outcome: 'failed',
      error: { message: 'no backfiller' },
    })
    await expect(admin.handler.run('other.example')).rejects.toThrow('source must be one of relay.example')
  })
})

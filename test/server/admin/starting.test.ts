import { describe, expect, it, vi } from 'vitest'
import { BackfillError } from '../../../src/index.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { adminHandler } from '../../../src/server/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { PROFILE, request, startAdmin, TOKEN } from '../../support/admin.ts'
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

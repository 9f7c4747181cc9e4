import { describe, expect, it } from 'vitest'
import type { ProgressStore } from '../../../src/index.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { BROKEN, breaking, PROFILE, startAdmin } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'
import { gate } from '../../support/scripted-lister.ts'

describe('retry', () => {
  it('has a collection tried again that was given up, and starts a run for it where there is none', async () => {
    let isBroken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, [BROKEN]: 20 },
      script: breaking(() => isBroken),
    })
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN], allowedRelays: [relay.url] })
    await admin.ask('POST')
    const failed = await admin.until(({ running }) => !running)
    expect(failed).toMatchObject({
      outcome: 'incomplete',
      completed: 1,
      failed: 1,
      in_progress: 1,
      error: { code: 'INCOMPLETE' },
      last_error: {
        code: 'RELAY_STATUS',
        collection: BROKEN,
        message: expect.stringContaining('no such thing'),
      },
      failures: [
        {
          kind: 'collection',
          collection: BROKEN,
          message: expect.stringContaining('no such thing'),
          retry_at: null,
        },
      ],
    })
    expect(failed.collections.find(({ collection }) => collection === BROKEN)).toMatchObject({
      state: 'failed',
      attempts: 1,
      last_error: expect.stringContaining('no such thing'),
    })
    isBroken = false
    const { status, body } = await admin.ask('POST', `/retry?collection=${BROKEN}`)
    expect({ status, body }).toEqual({
      status: 200,
      body: { source: relay.url, collections: 1, started: true },
    })
    expect(await admin.until(({ running }) => !running)).toMatchObject({
      outcome: 'complete',
      completed: 2,
      failed: 0,
      total_imported: 30,
    })
    expect((await admin.ask('POST', '/retry')).body).toEqual({
      source: relay.url,
      collections: 0,
      started: false,
    })
    expect(await admin.status()).toMatchObject({ running: false })
  })

  it('of one collection retries that one alone, where nothing runs', async () => {
    const names = [1, 2, 3].map((number) => `com.example.broken${number}`)
    let isBroken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, ...Object.fromEntries(names.map((name) => [name, 20])) },
      script: ({ collection }) =>
        isBroken && names.includes(collection ?? '') ? { status: 400, body: { error: 'No' } } : undefined,
    })
    await using admin = await startAdmin({ collections: [PROFILE, ...names], allowedRelays: [relay.url] })
    await admin.ask('POST')
    await admin.until(({ running }) => !running)
    isBroken = false
    const asked = () => relay.requests.filter(({ collection }) => names.includes(collection ?? '')).length
    const before = asked()
    await admin.ask('POST', `/retry?collection=${names[1]}`)
    const after = await admin.until(({ running }) => !running)
    expect(after).toMatchObject({ completed: 2, failed: 2, outcome: 'incomplete' })
    expect(after.collections.filter(({ state }) => state === 'failed').map((row) => row.collection)).toEqual([
      names[0],
      names[2],
    ])
    expect(asked() - before).toBe(1)
    await admin.ask('POST')
    expect(await admin.until(({ running }) => !running)).toMatchObject({ completed: 4, outcome: 'complete' })
  })

  it.each(['?waiting=true', `?collection=${BROKEN}`])(
    '%s ends the wait of what was set aside',
    async (query) => {
      let isBroken = true
      await using relay = await startRelay({
        collections: { [PROFILE]: 10, [BROKEN]: 20 },
        script: ({ collection }) => (collection === BROKEN && isBroken ? { status: 500 } : undefined),
      })
      await using admin = await startAdmin({
        collections: [PROFILE, BROKEN],
        allowedRelays: [relay.url],
        // The pause after a failure begins with this one.
        run: { retry: { retries: 0, minDelayMs: 1, maxDelayMs: 3_600_000 } },
      })
      await admin.ask('POST')
      const waiting = await admin.until(({ set_aside, completed }) => set_aside === 1 && completed === 1)
      const row = waiting.collections.find(({ collection }) => collection === BROKEN)
      expect(Date.parse(row?.not_before ?? '') - Date.parse(waiting.at)).toBeGreaterThan(1_000_000)
      expect(await admin.until((now) => now.waiting !== null)).toMatchObject({
        waiting: { reason: 'setAside', collections: [BROKEN] },
      })
      isBroken = false
      expect((await admin.ask('POST', `/retry${query}`)).body).toMatchObject({
        collections: 1,
        started: false,
      })
      expect(await admin.until(({ running }) => !running)).toMatchObject({
        outcome: 'complete',
        completed: 2,
      })
    },
  )

  it('is taken up by the run under way', async () => {
    let isBroken = true
    await using parked = await startParkedRelay(1, {
      collections: { [BROKEN]: 20 },
      script: breaking(() => isBroken),
    })
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN, BIG], allowedRelays: [relay.url] })
    await admin.ask('POST')
    await admin.until(({ failed }) => failed === 1)
    await parked.parked
    isBroken = false
    expect((await admin.ask('POST', '/retry')).body).toEqual({
      source: relay.url,
      collections: 1,
      started: false,
    })
    expect(await admin.status()).toMatchObject({ running: true, failed: 0 })
    await admin.until(({ completed }) => completed === 2)
    parked.letGo()
    expect(await admin.until(({ running }) => !running)).toMatchObject({ outcome: 'complete', completed: 3 })
  })

  it('begins another run where it came just as the one under way had looked for what is left', async () => {
    let isBroken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, [BROKEN]: 20 },
      script: breaking(() => isBroken),
    })
    const store = memoryProgressStore()
    const lastLook = gate()
    let isHeld = false
    const progress: ProgressStore = {
      ...store,
      async list(filter) {
        const rows = await store.list(filter)
        // What the run reads at its end, on the way to it.
        if (!isHeld && rows.some(({ state }) => state === 'failed')) {
          isHeld = true
          await lastLook.wait()
        }
        return rows
      },
    }
    await using admin = await startAdmin({
      progress,
      collections: [PROFILE, BROKEN],
      allowedRelays: [relay.url],
    })
    await admin.ask('POST')
    await lastLook.reached
    isBroken = false
    expect((await admin.ask('POST', '/retry')).body).toMatchObject({ collections: 1, started: false })
    lastLook.pass()
    expect(await admin.until(({ outcome }) => outcome === 'complete')).toMatchObject({
      completed: 2,
      failed: 0,
    })
  })

  it('refuses what is no NSID, another relay than the one under way, and no relay at all', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    await using admin = await startAdmin({
      collections: [PROFILE, BIG],
      allowedRelays: [relay.url, 'relay.example.com'],
    })
    expect((await admin.ask('POST', '/retry?collection=nonsense')).status).toBe(400)
    expect((await admin.ask('POST', '/retry')).status).toBe(400)
    await admin.ask('POST', `?source=${relay.url}`)
    expect((await admin.ask('POST', '/retry?source=relay.example.com')).status).toBe(409)
  })
})

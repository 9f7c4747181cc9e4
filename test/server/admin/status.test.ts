import { describe, expect, it, vi } from 'vitest'
import { knownCollections, type ProgressStore, StoreUnavailableError } from '../../../src/index.ts'
import { NotMigratedError } from '../../../src/kysely/table-errors.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import type { AdminStatus } from '../../../src/server/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { BROKEN, PROFILE, startAdmin } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'
import { gate } from '../../support/scripted-lister.ts'

describe('the status', () => {
  it('has estimates, speed and the time that is left while it runs', async () => {
    await using parked = await startParkedRelay(5)
    const { relay } = parked
    await using admin = await startAdmin({
      allowedRelays: [relay.url],
      run: {
        collections: [
          knownCollections([
            { nsid: PROFILE, estimatedRepos: 150 },
            { nsid: BIG, estimatedRepos: 1_000 },
          ]),
        ],
      },
    })
    await admin.ask('POST')
    await parked.parked
    const status = await admin.until((now) => now.eta_ms !== null && now.pairs_per_second !== null)
    expect(status).toMatchObject({
      expected_pairs: 1_150,
      pending: 0,
      failed: 0,
      finished_at: null,
      outcome: null,
      sources: [relay.url],
    })
    expect(status.pairs_per_second).toBeGreaterThan(0)
    expect(status.requests_per_second).toBeGreaterThan(0)
    expect(
      status.collections.map(({ collection, estimated_repos }) => [collection, estimated_repos]),
    ).toEqual([
      [PROFILE, 150],
      [BIG, 1_000],
    ])
    expect(Date.parse(status.at)).toBeGreaterThanOrEqual(Date.parse(status.started_at ?? ''))
  })

  it('tells when a collection is tried again, and of the pause that the relay asks for', async () => {
    let isBroken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, [BROKEN]: 20 },
      script: ({ collection }) =>
        collection === BROKEN && isBroken ? { status: 429, headers: { 'retry-after': '3000' } } : undefined,
    })
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN], allowedRelays: [relay.url] })
    await admin.ask('POST')
    const status = await admin.until(({ waiting }) => waiting !== null)
    expect(status.waiting).toMatchObject({ reason: 'relay', message: expect.stringContaining('429') })
    expect(Date.parse(status.waiting?.until ?? '') - Date.parse(status.at)).toBeGreaterThan(2_900_000)
    isBroken = false
    const waiting = await admin.until(({ collections }) =>
      collections.some(({ not_before }) => not_before !== null),
    )
    const row = waiting.collections.find(({ not_before }) => not_before !== null)
    expect(row).toMatchObject({
      collection: BROKEN,
      state: 'pending',
      last_error: expect.stringContaining('429'),
    })
    expect(Date.parse(row?.not_before ?? '')).toBeGreaterThan(Date.parse(waiting.at) + 2_900_000)
  })

  it('is told from memory while the store cannot be read after a run, and with 503 before the first', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const store = memoryProgressStore()
    let isDown = true
    const progress: ProgressStore = {
      ...store,
      list: async (filter) => {
        if (isDown) throw new StoreUnavailableError('The database is down.', new Error('ECONNREFUSED'))
        return store.list(filter)
      },
    }
    const onError = vi.fn()
    await using admin = await startAdmin({
      progress,
      collections: [PROFILE],
      allowedRelays: [relay.url],
      onError,
    })
    expect(await admin.ask('GET')).toMatchObject({ status: 503, body: { error: 'StoreUnavailable' } })
    expect(onError).toHaveBeenCalledTimes(1)
    isDown = false
    await admin.ask('POST')
    await admin.until(({ running }) => !running)
    isDown = true
    expect(await admin.status()).toMatchObject({
      completed: 1,
      outcome: 'complete',
      last_error: { code: 'STORE_UNAVAILABLE' },
    })
  })

  it('tells the same of a run before and after a restart of the server', async () => {
    await using parked = await startParkedRelay(5)
    const allowedRelays = [parked.relay.url]
    const progress = memoryProgressStore()
    const sizes = [
      { nsid: PROFILE, estimatedRepos: 150 },
      { nsid: BIG, estimatedRepos: 1_000 },
    ]
    const run = { collections: [knownCollections(sizes)] }
    const figures = ({ fraction, sizes, requests_left, expected_pairs, total_imported }: AdminStatus) => ({
      fraction,
      sizes,
      requests_left,
      expected_pairs,
      total_imported,
    })
    let before: ReturnType<typeof figures>
    {
      await using admin = await startAdmin({ allowedRelays, progress, run })
      await admin.ask('POST')
      await parked.parked
      before = figures(await admin.until(({ total_imported }) => total_imported === 650))
      expect(before.fraction).toBeCloseTo(7 / 12, 5)
    }
    await using admin = await startAdmin({ allowedRelays, progress, run })
    expect(figures(await admin.status())).toEqual(before)
  })

  it('names the worker that holds a collection, where it is not of this run', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const progress = memoryProgressStore()
    await progress.register(relay.url, [{ nsid: PROFILE }])
    await progress.claim({ relay: relay.url, owner: 'another/1', leaseMs: 60_000 })
    await using admin = await startAdmin({
      progress,
      collections: [PROFILE, BIG],
      allowedRelays: [relay.url],
    })
    await admin.ask('POST')
    await parked.parked
    const { collections } = await admin.until(({ running_collections }) => running_collections === 2)
    const held = Object.fromEntries(collections.map((row) => [row.collection, row]))
    expect(held[PROFILE]).toMatchObject({ owner: 'another/1', lease_ends_at: expect.any(String) })
    expect(held[BIG]).toMatchObject({ state: 'running', owner: null, lease_ends_at: null })
    parked.letGo()
    expect(await admin.until(({ waiting }) => waiting?.reason === 'claims')).toMatchObject({
      waiting: { collections: [PROFILE], until: expect.any(String) },
    })
  })

  it('has the rows of earlier runs from the first moment of a run on', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const store = memoryProgressStore()
    await store.register(relay.url, [{ nsid: PROFILE }, { nsid: BIG }])
    const reading = gate()
    const progress: ProgressStore = {
      ...store,
      async list(filter) {
        await reading.wait()
        return store.list(filter)
      },
    }
    await using admin = await startAdmin({
      progress,
      collections: [PROFILE, BIG],
      allowedRelays: [relay.url],
    })
    const started = admin.ask('POST')
    await reading.reached
    const status = admin.status()
    reading.pass()
    expect(await status).toMatchObject({ running: true, total: 2 })
    await started
  })

  it('of a run on a database without tables names the migration', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const fail = () => Promise.reject(new NotMigratedError('backfill_progress'))
    const progress: ProgressStore = { ...memoryProgressStore(), list: fail, register: fail }
    await using admin = await startAdmin({ progress, collections: [PROFILE], allowedRelays: [relay.url] })
    expect((await admin.ask('POST')).status).toBe(500)
    expect(await admin.status()).toMatchObject({
      outcome: 'failed',
      error: { code: 'NOT_MIGRATED', message: expect.stringContaining('migrateToLatest') },
    })
  })
})

import { expect, it } from 'vitest'
import { createThroughput } from '../../../../../src/monitor/throughput.ts'
import { sampleOf } from '../../../../../src/server/admin/admin-status.ts'
import { createModel } from '../../../../../src/server/admin/page/client/model.ts'
import type { AdminFailure, AdminSample } from '../../../../../src/server/index.ts'
import { adminRow, adminStatus, tickOf } from '../../../../support/scripted-admin.ts'

const failure = (times: number): AdminFailure => ({
  kind: 'store',
  collection: null,
  name: null,
  message: 'down',
  at: '2026-08-01T10:00:00.000Z',
  times,
  retry_at: null,
})

it('counts rows by state, as events change them', () => {
  const model = createModel()
  const rows = [adminRow('a.b.c'), adminRow('a.b.d', { state: 'running' })]
  model.take('snapshot', JSON.stringify(adminStatus(rows)))
  expect(model.counts).toEqual({ pending: 1, running: 1, failed: 0, complete: 0 })

  model.take('collectionFailed', JSON.stringify({ row: adminRow('a.b.d', { state: 'failed' }) }))
  model.take('page', JSON.stringify({ row: adminRow('a.b.c', { state: 'complete', imported: 7 }) }))
  expect(model.counts).toEqual({ pending: 0, running: 0, failed: 1, complete: 1 })
  expect([...model.rows.values()].map(({ imported }) => imported)).toEqual([7, 0])

  model.take('snapshot', JSON.stringify(adminStatus([adminRow('a.b.e')])))
  expect(model.counts).toEqual({ pending: 1, running: 0, failed: 0, complete: 0 })
})

it('keeps rows of two relays apart', () => {
  const model = createModel()
  const rows = [adminRow('a.b.c', { source: 'one.example' }), adminRow('a.b.c', { source: 'two.example' })]
  model.take('snapshot', JSON.stringify(adminStatus(rows)))
  expect(model.rows.size).toBe(2)
})

it('passes over events that change nothing that is shown, and says which change a row', () => {
  const model = createModel()
  expect(model.take('requested', JSON.stringify({ durationMs: 3 }))).toBeUndefined()
  expect(model.version).toBe(0)
  const row = adminRow('a.b.c')
  expect(model.take('page', JSON.stringify({ row }))).toEqual(row)
  expect(model.version).toBe(1)
})

it('has the curve that a page has which is loaded now, after every tick of a long run', () => {
  const start = Date.parse('2026-08-01T10:00:00Z')
  const throughput = createThroughput(start)
  const model = createModel()
  const history = (now: number) => throughput.history(now).map(sampleOf)
  model.take('snapshot', JSON.stringify(adminStatus([])))
  let ticks = 0
  for (let second = 0.5; second < 2_500; second += 1.013) {
    const now = start + second * 1000
    throughput.add(now, { imported: Math.round(1_000 * (1 + Math.sin(second))), requests: 1 })
    model.take('totals', JSON.stringify({ ...tickOf(adminStatus([])), latest: history(now).slice(-5) }))
    ticks += 1
    // A look at every one would take seconds.
    if (ticks % 53 !== 0) continue
    const rounded = (samples: readonly AdminSample[]) =>
      samples.map(({ at, span_ms, pairs_per_second }) => [at, span_ms, Math.round(pairs_per_second)])
    expect(rounded(model.history)).toEqual(rounded(history(now)))
  }
  expect(model.history[0]?.span_ms).toBe(8_000)
})

it('lists a failure that repeats once', () => {
  const model = createModel()
  model.take('storeUnavailable', JSON.stringify({ failure: failure(1) }))
  model.take('storeUnavailable', JSON.stringify({ failure: failure(2) }))
  expect(model.failures).toEqual([failure(2)])
})

import { expect, it } from 'vitest'
import { createModel } from '../../../../../src/server/admin/page/client/model.ts'
import type { AdminFailure } from '../../../../../src/server/index.ts'
import { adminRow, adminStatus, totalsOf } from '../../../../support/scripted-admin.ts'

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

it('goes on with the curve, a sample for each span, and makes it coarser when there are too many', () => {
  const model = createModel()
  const start = Date.parse('2026-08-01T10:00:00Z')
  const at = (seconds: number) => new Date(start + seconds * 1000).toISOString()
  model.take('snapshot', JSON.stringify(adminStatus([])))
  for (let second = 0; second < 650; second += 0.5) {
    const totals = { ...totalsOf(adminStatus([], { pairs_per_second: 100 })), at: at(second) }
    model.take('totals', JSON.stringify(totals))
  }
  const spans = model.history.map(({ span_ms }) => span_ms)
  expect(new Set(spans)).toEqual(new Set([2_000]))
  const times = model.history.map((sample) => Date.parse(sample.at))
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(times[0]).toBe(start)
  expect(times.at(-1)).toBeGreaterThanOrEqual(start + 647_000)
})

it('lists a failure that repeats once', () => {
  const model = createModel()
  model.take('storeUnavailable', JSON.stringify({ failure: failure(1) }))
  model.take('storeUnavailable', JSON.stringify({ failure: failure(2) }))
  expect(model.failures).toEqual([failure(2)])
})

import { expect, it } from 'vitest'
import { backlogState, createBacklog, type Refresh } from '../../../src/cli/serve/backlog.ts'
import type { CollectionProgress } from '../../../src/contracts/collection-progress.ts'
import { type CollectionFailure, createBackfiller, IncompleteError, memoryStore } from '../../../src/index.ts'
import { feedName } from '../../../src/live/index.ts'
import type { AdminRunEnd } from '../../../src/server/admin/admin-run.ts'
import { scriptedLister } from '../../support/scripted-lister.ts'

const HOUR = 3_600_000
const WEEK = 7 * 24 * HOUR
const relay = 'relay.example'
const never = new AbortController().signal
const did = (n: number) => `did:web:repo${n}.example`

/** Until the clock has gone on: a gap takes longer than that. */
async function laterThanNow(): Promise<void> {
  const now = Date.now()
  while (Date.now() === now) await new Promise(setImmediate)
}

function row(collection: string, ageMs?: number): CollectionProgress {
  const counts = { pages: 1, imported: 1, invalid: 0, attempts: 0, flags: [] }
  const base = { relay, collection, ...counts }
  if (ageMs === undefined) return { ...base, state: 'pending' }
  return { ...base, state: 'complete', completedAt: new Date(Date.now() - ageMs) }
}

/** A backlog whose runs end as told, and what they were begun with. */
function backlog(rows: CollectionProgress[], ends: (AdminRunEnd['outcome'] | AdminRunEnd)[], since?: Date) {
  const runs: Refresh[] = []
  const work = createBacklog({
    relay,
    progress: { list: async () => rows },
    refreshMs: WEEK,
    followedSince: async () => since,
    async run(refresh) {
      runs.push(refresh)
      const end = ends.shift() ?? 'complete'
      return typeof end === 'string' ? { outcome: end } : end
    },
    onLook() {},
  })
  return { runs, work: () => work(never) }
}

it('is imported at the start, and what is there is not read again', async () => {
  const { runs, work } = backlog([row('a.b.c', HOUR)], [])
  const waits = [await work(), await work(), await work()]
  expect(runs).toEqual([{ refreshAfterMs: WEEK }])
  expect(waits).toEqual([60_000, 60_000, 60_000])
})

it('is looked at as often as ever when all that a run left was cancelled', async () => {
  const cancelled = { relay, collection: 'a.b.c', attempts: 0, lastError: 'cancelled' }
  const failed = { relay, collection: 'd.e.f', attempts: 5, lastError: 'gone' }
  const endOf = (...failures: CollectionFailure[]): AdminRunEnd => ({
    outcome: 'incomplete',
    error: new IncompleteError(failures),
  })
  const ends = [endOf(cancelled), endOf(cancelled, failed)]
  const { work } = backlog([row('g.h.i')], ends)
  expect([await work(), await work()]).toEqual([60_000, 5_000])
})

it('is read again as a whole once a part of it is too old', async () => {
  const rows = [row('a.b.c', HOUR), row('d.e.f', 2 * HOUR)]
  const { runs, work } = backlog(rows, [])
  await work()
  rows[0] = row('a.b.c', WEEK + HOUR)
  await work()
  // The second process looks a moment later.
  rows[0] = row('a.b.c', 0)
  await work()
  expect(runs).toEqual([{ refreshAfterMs: WEEK }, { refreshAfterMs: WEEK / 2 }])
})

it('is read again where a walk began before the feed was followed without a gap', async () => {
  const since = new Date(Date.now() - 3 * HOUR)
  const beganAt = new Date(Date.now() - 2 * HOUR)
  const rows = [{ ...row('a.b.c', 0), beganAt }]
  const { runs, work } = backlog(rows, [], since)
  await work()
  await work()
  expect(runs).toEqual([{ refreshAfterMs: WEEK, refreshBefore: since }])
  since.setTime(beganAt.getTime() + 1)
  await work()
  expect(runs).toEqual([runs[0], { refreshAfterMs: WEEK / 2, refreshBefore: since }])
})

it('brings what a gap of the feed took while pages were read', async () => {
  const feed = feedName(relay)
  const store = memoryStore()
  const name = 'com.example.a'
  const first = [did(1)]
  // The second page is read after the gap, in which a repo came that stands on the first one.
  const lister = scriptedLister(
    {
      [name]: async ({ cursor }) => {
        if (cursor === undefined) return { dids: [...first], cursor: '1' }
        if (first.length === 1) {
          first.push(did(2))
          await laterThanNow()
          await store.feed.apply({ feed, restarted: true })
        }
        return { dids: [did(3)] }
      },
    },
    relay,
  )
  await store.feed.apply({ feed, restarted: true })
  const work = createBacklog({
    relay,
    progress: store.progress,
    refreshMs: WEEK,
    followedSince: () => store.feed.followedSince(feed),
    async run(refresh) {
      await createBackfiller({ relay: lister, store, collections: [name], ...refresh }).run()
      return { outcome: 'complete' }
    },
    onLook() {},
  })
  await work(never)
  expect(await store.progress.list()).toMatchObject([{ state: 'complete' }])
  expect(await store.index.has(name, did(2))).toBe(false)
  await work(never)
  expect(await store.index.has(name, did(2))).toBe(true)
  // And not once more.
  const { length } = lister.requests
  await work(never)
  expect(lister.requests).toHaveLength(length)
})

it('waits longer after each run that is not complete, six hours at most', async () => {
  const { work } = backlog([row('a.b.c')], ['incomplete', 'failed', ...Array(15).fill('incomplete')])
  expect([await work(), await work(), await work()]).toEqual([5_000, 10_000, 20_000])
  for (let i = 0; i < 11; i++) await work()
  expect(await work()).toBe(6 * HOUR)
})

it('is tried again where the first run failed before anything was known', async () => {
  const { runs, work } = backlog([], ['failed', 'complete'])
  await work()
  await work()
  await work()
  expect(runs).toHaveLength(2)
})

it('leaves a collection alone that an operator has cancelled, and says how far the others are', async () => {
  const cancelled = { ...row('a.b.c'), state: 'failed', flags: ['cancelled'] } as const
  const rows: CollectionProgress[] = [cancelled, row('d.e.f', HOUR)]
  const { runs, work } = backlog(rows, [])
  await work()
  await work()
  expect(runs).toHaveLength(1)
  expect(backlogState(rows)).toBe('complete')
  expect(backlogState([])).toBe('waiting')
  expect(backlogState([...rows, row('g.h.i')])).toBe('waiting')
  expect(backlogState([...rows, { ...row('g.h.i'), state: 'failed' }])).toBe('incomplete')
})

it('is left alone after an operator has stopped it', async () => {
  const { work } = backlog([row('a.b.c')], ['stopped'])
  expect(await work()).toBe(WEEK)
})

it('gives the reason of an abort back', async () => {
  const stop = new AbortController()
  const work = createBacklog({
    relay,
    progress: { list: async () => [] },
    refreshMs: WEEK,
    followedSince: async () => undefined,
    async run() {
      stop.abort(new Error('enough'))
      return { outcome: 'stopped' }
    },
    onLook() {},
  })
  await expect(work(stop.signal)).rejects.toThrow('enough')
})

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBackfiller, type IndexSink, knownCollections, type RepoPage } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { didsOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'

/** Lists in which DIDs come again, within a page and on other pages. */
const lists = fc
  .array(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 6 }), { minLength: 1, maxLength: 14 })
  .map((pages) =>
    pages.map(
      (dids, i): RepoPage => ({
        dids: dids.map((n) => `did:web:n${n}.example`),
        ...(i + 1 < pages.length ? { cursor: String(i + 1) } : {}),
      }),
    ),
  )

/** What becomes of one call: how many turns of the event loop it takes, and whether it fails then. */
const outcomes = fc.array(fc.record({ turns: fc.nat(3), fails: fc.boolean() }), { maxLength: 12 })

const cases = fc.record({
  list: lists,
  pagesAhead: fc.integer({ min: 1, max: 5 }),
  fetches: outcomes,
  writes: outcomes,
  /** After how many events each run is left, until one is not. */
  stops: fc.array(fc.nat(5), { maxLength: 4 }),
})

/** Plays outcomes one after the other; once they are used up, everything succeeds at once. */
function player(outcomes: readonly { turns: number; fails: boolean }[]): () => Promise<void> {
  const left = [...outcomes]
  return async () => {
    const { turns, fails } = left.shift() ?? { turns: 0, fails: false }
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
    if (fails) throw new Error('scripted to fail')
  }
}

it('a walk keeps its promise whatever fails, comes late or is left, however many pages wait', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ list, pagesAhead, fetches, writes, stops }) => {
      const fetched = player(fetches)
      const written = player(writes)
      const lister = scriptedLister({
        [A]: async ({ cursor = '0' }) => {
          await fetched()
          return list[Number(cursor)] ?? { dids: [] }
        },
      })
      const index = memoryIndexSink()
      const sink: IndexSink = {
        async add(batch) {
          await written()
          return await index.add(batch)
        },
      }
      const progress = memoryProgressStore()
      const before = (page: number) => new Set(didsOf(list.slice(0, page)))
      for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
        const saved = (await progress.list())[0]?.pages ?? 0
        const asked = lister.requests.length
        let [durable, events] = [saved, 0]
        const retry = { retries: 30, minDelayMs: 0, maxDelayMs: 0 }
        const options = { relay: lister, collections: [A], store: { sink, progress }, pagesAhead, retry }
        for await (const { pages, dids, completed } of createBackfiller(options)) {
          events += 1
          // In order, none left out, and each of them durable.
          expect(pages).toBeGreaterThan(durable)
          expect(dids).toEqual(didsOf(list.slice(durable, pages)))
          expect(completed).toBe(pages === list.length)
          expect(before(pages).isSubsetOf(index.pairs.get(A) ?? new Set())).toBe(true)
          durable = pages
          if (events > stop) break
        }
        const [row] = await progress.list()
        const requests = lister.requests.slice(asked).map(({ cursor }) => cursor)
        // A walk that goes on asks for the first page again before anything else, and then for no page before its own.
        const walked = saved > 0 ? requests.filter((cursor) => cursor !== undefined) : requests
        if (saved > 0) expect(requests[0]).toBeUndefined()
        const cursors = new Set(walked.map((cursor) => Number(cursor ?? 0)))
        // Begun at the saved cursor, and never further than what may be under way.
        if (cursors.size > 0) expect(Math.min(...cursors)).toBe(saved)
        expect(Math.max(-1, ...cursors)).toBeLessThan((row?.pages ?? 0) + 2 * pagesAhead + 1)
        expect(row?.imported).toBe(didsOf(list.slice(0, row?.pages)).length)
        expect(row?.cursor).toBe(list[(row?.pages ?? 0) - 1]?.cursor)
      }
      expect(index.pairs.get(A) ?? new Set()).toEqual(before(list.length))
      expect(await progress.list()).toMatchObject([{ state: 'complete', pages: list.length }])
    }),
    { numRuns: 300 },
  )
})

it('counts what is new with each commit exactly, however the pages come to be committed', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ list, pagesAhead, fetches, writes }) => {
      const fetched = player(fetches.map(({ turns }) => ({ turns, fails: false })))
      const written = player(writes.map(({ turns }) => ({ turns, fails: false })))
      const index = memoryIndexSink()
      const backfiller = createBackfiller({
        relay: scriptedLister({
          [A]: async ({ cursor = '0' }) => {
            await fetched()
            return list[Number(cursor)] ?? { dids: [] }
          },
        }),
        collections: [knownCollections([A])],
        store: {
          sink: {
            async add(batch) {
              await written()
              return await index.add(batch)
            },
          },
          progress: memoryProgressStore(),
        },
        pagesAhead,
      })
      const seen = new Set<string>()
      for await (const { dids, added } of backfiller) {
        const known = seen.size
        for (const did of dids) seen.add(did)
        expect(added).toBe(seen.size - known)
      }
      expect(seen).toEqual(new Set(didsOf(list)))
    }),
    { numRuns: 200 },
  )
})

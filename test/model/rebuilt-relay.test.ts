import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBackfiller, RelayError, type RepoLister } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { relayContents } from '../../src/testing/contents.ts'

const NAMES = ['com.example.a', 'com.example.b', 'com.example.c'] as const

const cases = fc.record({
  sizes: fc.tuple(fc.nat(90), fc.nat(90), fc.nat(90)),
  seed: fc.nat(1_000),
  /** Whether the lists are in the same order after the rebuild. */
  sameOrder: fc.boolean(),
  pageSize: fc.integer({ min: 8, max: 40 }),
  pagesAhead: fc.integer({ min: 1, max: 5 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  /** At which request the relay is rebuilt, and which requests fail. */
  rebuiltAt: fc.nat(40),
  failing: fc.uniqueArray(fc.nat(40), { maxLength: 4 }),
  /** After how many events each run is left, until one is not. */
  stops: fc.array(fc.nat(6), { maxLength: 3 }),
})

/** A relay with collectiondir's cursors, without a server: rebuilt at one request, and failing at some. */
function rebuiltLister({ sizes, seed, sameOrder, pageSize, rebuiltAt, failing }: Script) {
  const generated = Object.fromEntries(NAMES.map((name, i) => [name, sizes[i] ?? 0]))
  const original = relayContents({ collections: generated, seed })
  const given = Object.fromEntries(NAMES.map((name) => [name, [...original.dids(name)]]))
  const contents = relayContents({ collections: sameOrder ? given : generated, seed })
  let requests = 0
  const lister: RepoLister = {
    relay: 'relay.test',
    async listRepos({ collection, cursor }) {
      requests += 1
      if (requests === rebuiltAt) contents.rebuild()
      const details = { relay: 'relay.test', collection, cursor, retryable: true }
      if (failing.includes(requests)) throw new RelayError('RELAY_UNREACHABLE', 'cut', details)
      const { repos, cursor: next } = contents.page(
        collection,
        contents.offsetOf(collection, cursor) ?? 0,
        pageSize,
      )
      return { dids: repos.map(({ did }) => did), cursor: next }
    },
  }
  return { lister, contents }
}

interface Script {
  readonly sizes: readonly number[]
  readonly seed: number
  readonly sameOrder: boolean
  readonly pageSize: number
  readonly rebuiltAt: number
  readonly failing: readonly number[]
}

it('whenever a relay is rebuilt, what is complete is whole, and what is surplus is flagged', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ stops, pagesAhead, concurrency, ...scripted }) => {
      const { lister, contents } = rebuiltLister(scripted)
      const sink = memoryIndexSink()
      const progress = memoryProgressStore()
      const retry = { retries: 5, minDelayMs: 0, maxDelayMs: 0 }
      const options = { relay: lister, collections: NAMES, store: { sink, progress }, retry }
      for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
        let events = 0
        for await (const _ of createBackfiller({ ...options, pagesAhead, concurrency })) {
          events += 1
          if (events > stop) break
        }
      }
      for (const { collection, state, flags } of await progress.list()) {
        const listed = new Set(contents.dids(collection))
        const held = sink.pairs.get(collection) ?? new Set()
        expect(state).toBe('complete')
        expect(listed.isSubsetOf(held)).toBe(true)
        if (held.size > listed.size) expect(flags).toEqual(['cursorsChanged'])
      }
    }),
    { numRuns: 400 },
  )
})

it('where nothing is rebuilt, nothing is flagged, and each walk of several pages asks once more', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ stops: _, pagesAhead, concurrency, ...scripted }) => {
      const { lister, contents } = rebuiltLister({ ...scripted, rebuiltAt: 0, failing: [] })
      const asked: (string | undefined)[] = []
      const counted: RepoLister = {
        ...lister,
        listRepos(request) {
          asked.push(request.collection)
          return lister.listRepos(request)
        },
      }
      const progress = memoryProgressStore()
      const store = { sink: memoryIndexSink(), progress }
      const backfiller = createBackfiller({
        relay: counted,
        collections: NAMES,
        store,
        pagesAhead,
        concurrency,
      })
      await backfiller.run()
      for (const { collection, flags } of await progress.list()) {
        const pages = Math.floor(contents.size(collection) / scripted.pageSize) + 1
        expect(asked.filter((name) => name === collection)).toHaveLength(pages === 1 ? 1 : pages + 1)
        expect(flags).toEqual([])
      }
    }),
    { numRuns: 100 },
  )
})

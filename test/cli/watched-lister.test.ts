import { expect, it } from 'vitest'
import { watchedLister } from '../../src/cli/watched-lister.ts'
import { memoryStore, type RepoLister, relayLister, verify } from '../../src/index.ts'
import { createMonitor } from '../../src/monitor/monitor.ts'
import { startRelay } from '../../src/testing/index.ts'
import { didsFrom } from '../support/store-steps.ts'

const LISTS = {
  'com.example.a': didsFrom(0, 95),
  'com.example.b': didsFrom(500, 64),
  'com.example.c': didsFrom(900, 1),
}
const NAMES = Object.keys(LISTS)
const PAGE_SIZE = 10

/** Compares all, and gives the figures that are shown of it after each page. */
async function figuresOf(lister: RepoLister) {
  const { relay } = lister
  const { sink, index } = memoryStore()
  for (const [collection, dids] of Object.entries(LISTS)) await sink.add({ relay, collection, dids })
  const monitor = createMonitor({ relay })
  const known = Object.entries(LISTS).map(([nsid, { length }]) => ({ nsid, estimatedRepos: length }))
  monitor.handle({ type: 'discovered', relay, collections: known, sources: [] })
  const fractions: number[] = []
  const watched = watchedLister({ relay, lister, monitor }, () =>
    fractions.push(monitor.snapshot().work.fraction ?? Number.NaN),
  )
  const reports = await Array.fromAsync(verify({ relay: watched, index, sink, collections: NAMES }))
  expect(reports.map(({ differences }) => differences?.both)).toEqual([95, 64, 1])
  const { collections, imported, work } = monitor.snapshot()
  return { fractions, total: collections.total, complete: collections.complete, imported, work }
}

const inOrder = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)

it('a comparison is shown as it goes: what is compared stays done, though its first page is asked for again', async () => {
  await using server = await startRelay({ collections: { ...LISTS, 'app.bsky.actor.profile': 30 } })
  // It asks for a page of a collection that is not compared, and then for no more of it.
  const lister = relayLister(server.url, { pageSize: PAGE_SIZE })
  const { fractions, ...rest } = await figuresOf(lister)
  expect(rest).toMatchObject({
    total: 3,
    complete: 3,
    imported: 160,
    work: { fraction: 1, requestsDone: 18 },
  })
  expect(fractions).toEqual(inOrder(fractions))
})

it('the time left counts the requests, also where each list is one page', async () => {
  const relay = 'relay.example'
  const names = Array.from({ length: 60 }, (_, i) => `com.example.n${i}`)
  const { sink, index } = memoryStore()
  for (const collection of names) await sink.add({ relay, collection, dids: didsFrom(0, 1) })
  let now = 0
  const lister: RepoLister = {
    relay,
    async listRepos() {
      now += 100
      return { dids: didsFrom(0, 1) }
    },
  }
  const monitor = createMonitor({ relay, now: () => now })
  const collections = names.map((nsid) => ({ nsid, estimatedRepos: 1 }))
  monitor.handle({ type: 'discovered', relay, collections, sources: [] })
  const left: (number | undefined)[] = []
  const watched = watchedLister({ relay, lister, monitor }, () => left.push(monitor.snapshot().timeLeft?.ms))
  // One at a time, as the clock of this relay goes.
  for await (const _ of verify({ relay: watched, index, sink, collections: names, concurrency: 1 }));
  expect(left[29]).toBeCloseTo(30 * 100, -2)
})

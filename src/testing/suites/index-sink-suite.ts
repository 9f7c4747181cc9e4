import assert from 'node:assert/strict'
import type { IndexSink } from '../../contracts/index-sink.ts'
import { didsFrom, ODD_DIDS, ODD_NSIDS } from './samples.ts'
import { fixtureCase, type SuiteCase, type SuiteFixture } from './suite.ts'

/** A sink on an empty index, and another reader's view of that index. */
export interface IndexSinkFixture extends SuiteFixture {
  readonly sink: IndexSink
  /**
   * The DIDs that the index holds for a collection, in any order, each as often as it stands there.
   *
   * Read them as another reader would, at the moment of the call: through a connection or a process of its own, and
   * never through the sink, its connection or its cache. Only this tells a sink that resolves before it is durable.
   */
  read(collection: string): Promise<Iterable<string>>
  /**
   * Another sink on the same index, as a second process or the next run opens it; closed with the fixture. Absent for
   * an index that lives and dies with its sink.
   */
  reopen?(): Promise<{ readonly sink: IndexSink }>
}

/** @inline */
type IndexSinkCase = SuiteCase<() => Promise<IndexSinkFixture>>

const POST = { relay: 'relay.example', collection: 'app.bsky.feed.post' }
const LIKE = { relay: 'relay.example', collection: 'app.bsky.feed.like' }

/** That the index holds these DIDs for the collection, each once, and no other. */
export async function assertHolds(
  index: Pick<IndexSinkFixture, 'read'>,
  collection: string,
  dids: Iterable<string>,
): Promise<void> {
  const held = [...(await index.read(collection))]
  const expected = new Set(dids)
  const found = new Set(held)
  // Counts and a few examples: a diff of thousands of lines takes minutes and tells less.
  const verdict = {
    missing: [...expected].filter((did) => !found.has(did)).slice(0, 3),
    unexpected: [...found].filter((did) => !expected.has(did)).slice(0, 3),
    repeats: held.length - found.size,
  }
  assert.deepEqual(
    verdict,
    { missing: [], unexpected: [], repeats: 0 },
    `what the index holds for ${collection}`,
  )
}

async function assertAdds(
  sink: IndexSink,
  batch: { relay: string; collection: string; dids: readonly string[] },
  expected: number,
): Promise<void> {
  assertAdded(await sink.add(batch), expected)
}

/** That a sink which counts has counted right. */
export function assertAdded(answer: Awaited<ReturnType<IndexSink['add']>>, expected: number): void {
  const added = answer?.added
  if (added !== undefined) assert.equal(added, expected, 'the pairs that were new to the index')
}

const countingCases: readonly IndexSinkCase[] = [
  fixtureCase('counts the pairs that are new, and adding them again changes nothing', async (fixture) => {
    await assertAdds(fixture.sink, { ...POST, dids: didsFrom(0, 50) }, 50)
    await assertAdds(fixture.sink, { ...POST, dids: didsFrom(0, 50) }, 0)
    await assertAdds(fixture.sink, { ...POST, dids: didsFrom(40, 20) }, 10)
    await assertHolds(fixture, POST.collection, didsFrom(0, 60))
  }),

  fixtureCase('counts every batch or none', async ({ sink }) => {
    const kinds = new Set<string>()
    for (const dids of [didsFrom(0, 5), didsFrom(0, 5), didsFrom(3, 5), []])
      kinds.add(typeof (await sink.add({ ...POST, dids }))?.added)
    assert.equal(kinds.size, 1, `added is always a number or always absent, not ${[...kinds].join(' and ')}`)
  }),

  fixtureCase('takes a DID that a page holds twice, and counts it once', async (fixture) => {
    const dids = [...didsFrom(0, 3), ...didsFrom(1, 3), ...didsFrom(0, 1)]
    await assertAdds(fixture.sink, { ...POST, dids }, 4)
    await assertHolds(fixture, POST.collection, didsFrom(0, 4))
  }),

  fixtureCase('takes an empty page', async (fixture) => {
    await assertAdds(fixture.sink, { ...POST, dids: [] }, 0)
    await assertHolds(fixture, POST.collection, [])
  }),

  fixtureCase('does not tell relays apart: a pair is the same from each', async ({ sink }) => {
    await assertAdds(sink, { ...POST, dids: didsFrom(0, 5) }, 5)
    await assertAdds(sink, { ...POST, relay: 'http://127.0.0.1:8080', dids: didsFrom(0, 6) }, 1)
  }),

  fixtureCase('counts what another instance added as known', async (fixture) => {
    const { sink: other } = (await fixture.reopen?.()) ?? fixture
    await assertAdds(fixture.sink, { ...POST, dids: didsFrom(0, 10) }, 10)
    await assertAdds(other, { ...POST, dids: didsFrom(5, 10) }, 5)
    await assertAdds(fixture.sink, { ...POST, dids: didsFrom(0, 20) }, 5)
    await assertHolds(fixture, POST.collection, didsFrom(0, 20))
  }),

  fixtureCase(
    'takes overlapping pages in any order at the same time, each pair counted once',
    async (fixture) => {
      const { sink: other } = (await fixture.reopen?.()) ?? fixture
      const all = didsFrom(0, 1_000)
      const pages = Array.from({ length: 12 }, (_, i) =>
        i % 2 === 0 ? all.slice(i * 20) : all.slice(i * 10).toReversed(),
      )
      const results = await Promise.all(
        pages.map((dids, i) => (i % 3 === 0 ? other : fixture.sink).add({ ...POST, dids })),
      )
      const counts = results.flatMap((answer) => answer?.added ?? [])
      const sum = counts.reduce((total, added) => total + added, 0)
      if (counts.length > 0) assert.equal(sum, 1_000, 'the pairs that were new, over all pages')
      await assertHolds(fixture, POST.collection, all)
    },
  ),
]

const keepingCases: readonly IndexSinkCase[] = [
  fixtureCase('resolves when the pairs are durable: a reader finds them then', async (fixture) => {
    for (let pages = 0; pages < 10; pages += 1) {
      await fixture.sink.add({ ...POST, dids: didsFrom(pages * 10, 10) })
      await assertHolds(fixture, POST.collection, didsFrom(0, pages * 10 + 10))
    }
  }),

  fixtureCase('keeps the collections apart, also when they are filled at the same time', async (fixture) => {
    await Promise.all([
      assertAdds(fixture.sink, { ...POST, dids: didsFrom(0, 30) }, 30),
      assertAdds(fixture.sink, { ...LIKE, dids: didsFrom(20, 30) }, 30),
    ])
    await assertHolds(fixture, POST.collection, didsFrom(0, 30))
    await assertHolds(fixture, LIKE.collection, didsFrom(20, 30))
  }),

  fixtureCase('keeps an NSID letter by letter', async (fixture) => {
    for (const [i, collection] of ODD_NSIDS.entries())
      await assertAdds(fixture.sink, { ...POST, collection, dids: didsFrom(0, i + 1) }, i + 1)
    for (const [i, collection] of ODD_NSIDS.entries())
      await assertHolds(fixture, collection, didsFrom(0, i + 1))
  }),

  fixtureCase('keeps a DID letter by letter', async (fixture) => {
    await assertAdds(fixture.sink, { ...POST, dids: [...ODD_DIDS] }, ODD_DIDS.length)
    await assertAdds(fixture.sink, { ...POST, dids: ODD_DIDS.toReversed() }, 0)
    await assertHolds(fixture, POST.collection, ODD_DIDS)
  }),

  fixtureCase('takes 10,000 DIDs at once, the largest page that relays give', async (fixture) => {
    await assertAdds(fixture.sink, { ...POST, dids: didsFrom(0, 10_000) }, 10_000)
    await assertHolds(fixture, POST.collection, didsFrom(0, 10_000))
  }),

  fixtureCase(
    'leaves the batch as it is: the DIDs are the caller’s, in the relay’s order',
    async ({ sink }) => {
      const dids = [...didsFrom(0, 20).toReversed(), ...didsFrom(5, 3)]
      const batch = { ...POST, dids }
      const before = structuredClone(batch)
      await sink.add(batch)
      assert.deepEqual(batch, before, 'the batch after the call')
    },
  ),
]

const abortCases: readonly IndexSinkCase[] = [
  fixtureCase('a signal that aborted before: its reason, or pairs that are durable', (fixture) => {
    const reason = new Error('no more')
    const adding = fixture.sink.add(
      { ...POST, dids: didsFrom(0, 500) },
      { signal: AbortSignal.abort(reason) },
    )
    return assertReasonOrDurable(fixture, adding, reason)
  }),

  fixtureCase('a signal that aborts meanwhile: its reason, or pairs that are durable', (fixture) => {
    const controller = new AbortController()
    const reason = new Error('no more')
    const adding = fixture.sink.add({ ...POST, dids: didsFrom(0, 500) }, { signal: controller.signal })
    controller.abort(reason)
    return assertReasonOrDurable(fixture, adding, reason)
  }),
]

/** That an abort is one of the two, and that the page can come again after it. */
async function assertReasonOrDurable(
  fixture: IndexSinkFixture,
  adding: Promise<unknown>,
  reason: Error,
): Promise<void> {
  const [outcome] = await Promise.allSettled([adding])
  if (outcome.status === 'fulfilled') await assertHolds(fixture, POST.collection, didsFrom(0, 500))
  else assert.ok(outcome.reason === reason, `must be the signal's own reason, not ${String(outcome.reason)}`)
  await fixture.sink.add({ ...POST, dids: didsFrom(0, 500) })
  await assertHolds(fixture, POST.collection, didsFrom(0, 500))
}

/** What {@link IndexSink} promises. */
export const indexSinkSuite: readonly IndexSinkCase[] = [...countingCases, ...keepingCases, ...abortCases]

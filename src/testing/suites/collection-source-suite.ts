import assert from 'node:assert/strict'
import type { CollectionSource, KnownCollection } from '../../contracts/collection-source.ts'
import type { ServerFault } from './lister-server.ts'
import { ODD_NSIDS } from './samples.ts'
import { rejectionOf, type SuiteCase, type SuiteFixture, soon, withFixture } from './suite.ts'

/** A source, and what can be seen and done behind it. */
export interface CollectionSourceFixture extends SuiteFixture {
  readonly source: CollectionSource
  /** From now on, this is what becomes of every answer of the server behind the source. Absent where there is none. */
  disturb?(fault: ServerFault): void | PromiseLike<void>
  /** How many requests, queries or files the source has open at the moment, where that can be seen. */
  open?(): number
}

/** Makes a source that knows just these collections: they are in its list, its table, its server's answer. */
export type MakeCollectionSource = (known: readonly KnownCollection[]) => Promise<CollectionSourceFixture>

/** @inline */
type CollectionSourceCase = SuiteCase<MakeCollectionSource>

const KNOWN: readonly KnownCollection[] = [
  ...ODD_NSIDS.map((nsid) => ({ nsid })),
  ...Array.from({ length: 60 }, (_, i) => ({ nsid: `com.example.n${i}`, estimatedRepos: i })),
]

function sourceCase(
  name: string,
  run: (fixture: CollectionSourceFixture) => Promise<void>,
): CollectionSourceCase {
  return {
    name,
    async run(make) {
      await withFixture(await make(KNOWN), run)
    },
  }
}

/** Everything that a source gives, in any order; repeats are legal. */
async function collect(source: CollectionSource, signal?: AbortSignal): Promise<KnownCollection[]> {
  const found: KnownCollection[] = []
  for await (const collection of source.collections({ signal })) found.push(collection)
  return found
}

function assertWhole(found: readonly KnownCollection[]): void {
  const nsids = (list: readonly KnownCollection[]) => [...new Set(list.map(({ nsid }) => nsid))].sort()
  assert.deepEqual(nsids(found), nsids(KNOWN), 'the collections, each at least once')
}

const listCases: readonly CollectionSourceCase[] = [
  sourceCase('gives every collection that it knows and no other, letter by letter', async ({ source }) => {
    assertWhole(await soon(collect(source), 'the list'))
  }),

  sourceCase('gives an estimate as it is known, or none', async ({ source }) => {
    const known = new Map(KNOWN.map(({ nsid, estimatedRepos }) => [nsid, estimatedRepos]))
    const found = await soon(collect(source), 'the list')
    assert.ok(found.length > 0, 'collections')
    for (const { nsid, estimatedRepos } of found)
      if (estimatedRepos !== undefined)
        assert.equal(estimatedRepos, known.get(nsid), `the estimate of ${nsid}`)
  }),

  sourceCase('begins anew each time, also when it is asked twice at once', async ({ source }) => {
    assertWhole(await soon(collect(source), 'the list'))
    assertWhole(await soon(collect(source), 'the list once more'))
    for (const found of await soon(Promise.all([collect(source), collect(source)]), 'two lists'))
      assertWhole(found)
  }),

  sourceCase('has a name, the same before and after', async ({ source }) => {
    const { name } = source
    assert.ok(typeof name === 'string' && name !== '', 'a name for messages')
    await soon(collect(source), 'the list')
    assert.equal(source.name, name)
  }),
]

const faultCases: readonly CollectionSourceCase[] = [
  faultCase('a list that is cut in half is an error, not a shorter list', 'cut'),
  faultCase('a failure of the server is an error, not an empty list', 'error'),
]

function faultCase(name: string, fault: ServerFault): CollectionSourceCase {
  return sourceCase(name, async (fixture) => {
    await fixture.disturb?.(fault)
    const listing = soon(collect(fixture.source), 'the list')
    // Where nothing can be disturbed, nothing may be missing.
    if (fixture.disturb) await rejectionOf(listing, 'the list')
    else assertWhole(await listing)
  })
}

const stopCases: readonly CollectionSourceCase[] = [
  sourceCase(
    'a signal that aborted before: rejects with its reason, and gives nothing',
    async ({ source }) => {
      const reason = new Error('no more')
      const iterator = source.collections({ signal: AbortSignal.abort(reason) })[Symbol.asyncIterator]()
      const given = await rejectionOf(soon(iterator.next(), 'the first collection'), 'the first collection')
      assert.ok(given === reason, `must be the signal's own reason, not ${String(given)}`)
    },
  ),

  sourceCase(
    'a signal that aborts while the server is silent: ends soon, with its reason',
    async (fixture) => {
      await fixture.disturb?.('stalled')
      const controller = new AbortController()
      const reason = new Error('no more')
      const listing = collect(fixture.source, controller.signal)
      setTimeout(() => controller.abort(reason), 20)
      await assertReasonOrWhole(listing, reason)
      await assertClosed(fixture)
    },
  ),

  sourceCase(
    'a signal that aborts in the middle: its reason or the rest, never a shorter list',
    async (fixture) => {
      const controller = new AbortController()
      const reason = new Error('no more')
      const listing = async () => {
        const found: KnownCollection[] = []
        for await (const collection of fixture.source.collections({ signal: controller.signal })) {
          found.push(collection)
          controller.abort(reason)
        }
        return found
      }
      await assertReasonOrWhole(listing(), reason)
      await assertClosed(fixture)
    },
  ),

  sourceCase('left early, it ends soon, closes what it opened, and can be asked again', async (fixture) => {
    const leave = async () => {
      for await (const collection of fixture.source.collections()) return collection
      return undefined
    }
    const first = await soon(leave(), 'leaving the loop')
    assert.ok(
      KNOWN.some(({ nsid }) => nsid === first?.nsid),
      'the first collection is one of those known',
    )
    await assertClosed(fixture)
    assertWhole(await soon(collect(fixture.source), 'the list'))
  }),
]

/** What it had in hand already, a source may give to the end; what it has not, it must not pass over in silence. */
async function assertReasonOrWhole(listing: Promise<KnownCollection[]>, reason: Error): Promise<void> {
  const [outcome] = await Promise.allSettled([soon(listing, 'an aborted list')])
  if (outcome.status === 'fulfilled') assertWhole(outcome.value)
  else assert.ok(outcome.reason === reason, `must be the signal's own reason, not ${String(outcome.reason)}`)
}

/** That nothing stays open. A server notices a little later than its client that a connection is gone. */
async function assertClosed(fixture: CollectionSourceFixture): Promise<void> {
  const closed = async () => {
    while ((fixture.open?.() ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await soon(closed(), 'closing what is open')
}

/** What {@link CollectionSource} promises. */
export const collectionSourceSuite: readonly CollectionSourceCase[] = [
  ...listCases,
  ...faultCases,
  ...stopCases,
]

import assert from 'node:assert/strict'
import type { IndexedRepos, RepoIndex, ServedRepos } from '../../contracts/repo-index.ts'
import { isBackfillError } from '../../errors.ts'
import { didsFrom, ODD_DIDS, ODD_NSIDS } from './samples.ts'
import { assertAborts, fixtureCase, rejectionOf, type SuiteCase, type SuiteFixture, soon } from './suite.ts'

/** An empty index, and a writer to it. */
export interface RepoIndexFixture extends SuiteFixture {
  readonly index: RepoIndex
  /** Writes pairs as a live feed or a backfill does; resolves once they are durable. */
  add(collection: string, dids: readonly string[]): Promise<void>
  /** Removes a pair, as a live feed does. */
  remove(collection: string, did: string): Promise<void>
  /**
   * The same index, as another process or the next run opens it; closed with the fixture. Absent: the same one again.
   */
  reopen?(): Promise<{ readonly index: RepoIndex }>
}

/** @inline */
type RepoIndexCase = SuiteCase<() => Promise<RepoIndexFixture>>

const NAME = 'com.example.thing'
const OTHER = 'com.example.thing2'

type Between = (dids: readonly string[], pages: number) => Promise<void>

/** Every DID from the beginning on; `between` runs after each page that is not the last. */
async function walk(
  index: RepoIndex,
  collection: string,
  limit: number,
  between: Between = async () => {},
): Promise<string[]> {
  const dids: string[] = []
  let cursor: string | undefined
  for (let pages = 1; ; pages += 1) {
    assert.ok(pages <= 200, 'a list of a few pages comes to its end')
    const found = await soon(index.listRepos(collection, { cursor, limit }), 'a page')
    assert.ok(found.dids.length <= limit, `a page of at most ${limit}`)
    dids.push(...found.dids)
    cursor = found.cursor
    if (cursor === undefined) return dids
    await between(found.dids, pages)
  }
}

const inOrder = (names: readonly string[]) => [...names].sort()

const listCases: readonly RepoIndexCase[] = [
  fixtureCase('a collection that nobody has written is an empty page, the last one', async ({ index }) => {
    const { dids, cursor } = await index.listRepos(NAME)
    assert.deepEqual([dids.length, cursor], [0, undefined])
  }),

  fixtureCase('gives each DID once, in the order of code points, in pages of any size', async (fixture) => {
    const dids = didsFrom(0, 60)
    await fixture.add(NAME, [...dids].reverse())
    await fixture.add(NAME, dids.slice(10, 30))
    await fixture.add(OTHER, didsFrom(100, 5))
    for (const limit of [1, 7, 20, 59, 60, 61, 10_000])
      assert.deepEqual(await walk(fixture.index, NAME, limit), inOrder(dids), `in pages of ${limit}`)
    assert.deepEqual((await fixture.index.listRepos(OTHER)).dids, inOrder(didsFrom(100, 5)))
  }),

  fixtureCase('gives each DID letter by letter', async (fixture) => {
    await fixture.add(NAME, [...ODD_DIDS])
    assert.deepEqual(await walk(fixture.index, NAME, 2), inOrder(ODD_DIDS))
  }),

  fixtureCase('tells collections apart whose names are alike', async (fixture) => {
    for (const [i, nsid] of ODD_NSIDS.entries()) await fixture.add(nsid, didsFrom(i * 10, 5))
    for (const [i, nsid] of ODD_NSIDS.entries())
      assert.deepEqual(await walk(fixture.index, nsid, 3), inOrder(didsFrom(i * 10, 5)))
  }),

  fixtureCase('a page holds 500 unless it is told otherwise', async (fixture) => {
    await fixture.add(NAME, didsFrom(0, 510))
    const { dids, cursor } = await fixture.index.listRepos(NAME)
    assert.equal(dids.length, 500)
    assert.ok(cursor !== undefined, 'a cursor on a page that is not the last')
  }),

  fixtureCase('refuses a limit that is none', async ({ index }) => {
    for (const limit of [0, -1, 1.5, 10_001, Number.NaN])
      await rejectionOf(index.listRepos(NAME, { limit }), `listRepos with a limit of ${limit}`)
  }),

  fixtureCase('a saved cursor is all that the next run needs', async (fixture) => {
    await fixture.add(NAME, didsFrom(0, 10))
    const first = await fixture.index.listRepos(NAME, { limit: 4 })
    const { index: next } = (await fixture.reopen?.()) ?? fixture
    const second = await next.listRepos(NAME, { cursor: first.cursor, limit: 10 })
    assert.deepEqual([...first.dids, ...second.dids], inOrder(didsFrom(0, 10)))
    assert.equal(second.cursor, undefined)
  }),
]

/** That a list which is written to while it is read misses nobody who was there all along. */
const changingCases: readonly RepoIndexCase[] = [
  fixtureCase(
    'what is added meanwhile comes at most once, and what was there comes once',
    async (fixture) => {
      const dids = didsFrom(0, 40)
      await fixture.add(NAME, dids)
      let added: string[] = []
      const read = await walk(fixture.index, NAME, 6, async (_, pages) => {
        const more = didsFrom(1_000 + pages * 10, 3)
        await fixture.add(NAME, [...more, `did:web:n${pages}.example`])
        added = [...added, ...more, `did:web:n${pages}.example`]
      })
      assert.equal(new Set(read).size, read.length, 'repeats')
      assert.deepEqual(
        read.filter((did) => !added.includes(did)),
        inOrder(dids),
      )
    },
  ),

  fixtureCase('goes on where the repo that a page ended with was removed', async (fixture) => {
    const dids = didsFrom(0, 20)
    await fixture.add(NAME, dids)
    const read = await walk(fixture.index, NAME, 3, async (page) => {
      for (const did of page) await fixture.remove(NAME, did)
    })
    assert.deepEqual(read, inOrder(dids))
    assert.deepEqual((await walk(fixture.index, NAME, 3)).length, 20 % 3)
  }),

  fixtureCase(
    'a repo that is removed does not come any more, and comes again when it is back',
    async (fixture) => {
      const [first = '', ...rest] = didsFrom(0, 5)
      await fixture.add(NAME, [first, ...rest])
      await fixture.add(OTHER, [first])
      await fixture.remove(NAME, first)
      assert.deepEqual(await walk(fixture.index, NAME, 2), inOrder(rest))
      assert.deepEqual(await walk(fixture.index, OTHER, 2), [first])
      await fixture.add(NAME, [first])
      assert.deepEqual(await walk(fixture.index, NAME, 2), inOrder([first, ...rest]))
    },
  ),
]

const ABORTED = { reason: new Error('no more') }

function assertRefusesAborted(call: (signal: AbortSignal) => Promise<unknown>, what: string): Promise<void> {
  return assertAborts(call(AbortSignal.abort(ABORTED.reason)), ABORTED.reason, what)
}

const otherCases: readonly RepoIndexCase[] = [
  fixtureCase('a signal that aborted before: rejects with its reason', async ({ index }) => {
    await assertRefusesAborted((signal) => index.listRepos(NAME, { signal }), 'listRepos')
  }),

  filledCase('listCollections names each collection once, in order, in pages of any size', async (index) => {
    const list = index.listCollections?.bind(index)
    if (list === undefined) return
    for (const limit of [1, 2, 100]) assert.deepEqual(await namesOf(list, limit), inOrder(ODD_NSIDS))
    await rejectionOf(list({ limit: 0 }), 'listCollections with a limit of 0')
    await assertRefusesAborted((signal) => list({ signal }), 'listCollections')
  }),

  fixtureCase('listReposJson gives the same pages as listRepos, ready to be sent', async (fixture) => {
    const { index } = fixture
    const served = index.listReposJson?.bind(index)
    if (served === undefined) return
    const alike = async (nsid: string) => {
      for (const limit of [1, 3, 10_000]) {
        let cursor: string | undefined
        do {
          const page: IndexedRepos = await index.listRepos(nsid, { cursor, limit })
          const given: ServedRepos = await soon(served(nsid, { cursor, limit }), 'a page')
          const text = typeof given.json === 'string' ? given.json : new TextDecoder().decode(given.json)
          assert.equal(text, JSON.stringify(page.dids.map((did) => ({ did }))))
          assert.equal(given.cursor, page.cursor)
          cursor = page.cursor
        } while (cursor !== undefined)
      }
    }
    await alike(NAME)
    await fixture.add(NAME, didsFrom(0, 10))
    await alike(NAME)
    await fixture.add(OTHER, [...didsFrom(0, 4), ...ODD_DIDS])
    await alike(OTHER)
    await rejectionOf(served(NAME, { limit: 0 }), 'listReposJson with a limit of 0')
    await assertRefusesAborted((signal) => served(NAME, { signal }), 'listReposJson')
  }),

  fixtureCase(
    'listAllRepos gives the repos of all collections, each once, in pages of any size',
    async (fixture) => {
      const { index } = fixture
      const list = index.listAllRepos?.bind(index)
      if (list === undefined) return
      const dids = [...didsFrom(0, 12), ...ODD_DIDS]
      await fixture.add(NAME, dids.slice(0, 8))
      await fixture.add(OTHER, dids.slice(4))
      const walkAll = (limit: number) => walk({ listRepos: (_, request) => list(request) }, NAME, limit)
      const isIndexed = await list({ limit: 1 }).then(
        () => true,
        (error: unknown) => {
          assert.ok(isBackfillError(error, 'NOT_INDEXED'), String(error))
          return false
        },
      )
      await assertRefusesAborted((signal) => list({ signal }), 'listAllRepos')
      await rejectionOf(list({ limit: 0 }), 'listAllRepos with a limit of 0')
      if (!isIndexed) return
      for (const limit of [1, 5, 10_000]) assert.deepEqual(await walkAll(limit), inOrder(dids))
      await fixture.remove(NAME, dids[0] ?? '')
      await fixture.remove(NAME, dids[5] ?? '')
      assert.deepEqual(await walkAll(4), inOrder(dids.slice(1)))
    },
  ),

  filledCase('countRepos counts each repo once', async (index) => {
    const count = index.countRepos?.bind(index)
    if (count === undefined) return
    for (const [i, nsid] of ODD_NSIDS.entries()) assert.equal(await count(nsid), i + 1, nsid)
    assert.equal(await count('com.example.unknown'), 0)
    await assertRefusesAborted((signal) => count(NAME, { signal }), 'countRepos')
  }),
]

async function namesOf(list: NonNullable<RepoIndex['listCollections']>, limit: number): Promise<string[]> {
  const names: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 100; pages += 1) {
    const page = await soon(list({ cursor, limit }), 'a page')
    assert.ok(page.collections.length <= limit, `a page of at most ${limit}`)
    names.push(...page.collections.map(({ nsid }) => nsid))
    cursor = page.cursor
    if (cursor === undefined) break
  }
  return names
}

/** For a method that is optional: with or without it, the lists afterwards are as they were written. */
function filledCase(name: string, run: (index: RepoIndex) => Promise<void>): RepoIndexCase {
  return fixtureCase(name, async (fixture) => {
    const held = ODD_NSIDS.map((nsid, i) => ({ nsid, dids: didsFrom(i * 10, i + 1) }))
    for (const { nsid, dids } of held) await fixture.add(nsid, dids)
    await run(fixture.index)
    for (const { nsid, dids } of held) assert.deepEqual(await walk(fixture.index, nsid, 3), inOrder(dids))
  })
}

const removingCases: readonly RepoIndexCase[] = [
  fixtureCase('remove takes out what it is given, and passes over what is not there', async (fixture) => {
    const { index } = fixture
    const remove = index.remove?.bind(index)
    if (remove === undefined) return
    const dids = didsFrom(0, 40)
    for (const nsid of [NAME, OTHER]) await fixture.add(nsid, dids)
    const gone = [...dids.slice(0, 25), ...ODD_DIDS]
    assert.deepEqual(await soon(remove(NAME, gone), 'remove'), { removed: 25 })
    assert.deepEqual(await soon(remove(NAME, gone), 'remove, again'), { removed: 0 })
    for (const nothing of [remove('com.example.unknown', dids), remove(NAME, [])])
      assert.deepEqual(await soon(nothing, 'remove, of nothing'), { removed: 0 })
    assert.deepEqual(await walk(index, NAME, 7), inOrder(dids.slice(25)))
    assert.deepEqual(await walk(index, OTHER, 7), inOrder(dids))
    await assertRefusesAborted((signal) => remove(OTHER, dids, { signal }), 'remove')
    const { index: next } = (await fixture.reopen?.()) ?? fixture
    assert.deepEqual(await walk(next, OTHER, 7), inOrder(dids))
  }),

  fixtureCase('remove takes ten thousand at once, and takes out each letter by letter', async (fixture) => {
    const { index } = fixture
    const remove = index.remove?.bind(index)
    if (remove === undefined) return
    const dids = didsFrom(0, 10_000)
    await fixture.add(NAME, [...dids, ...ODD_DIDS])
    assert.deepEqual(await soon(remove(NAME, dids), 'remove'), { removed: 10_000 })
    assert.deepEqual(await walk(index, NAME, 500), inOrder(ODD_DIDS))
    assert.deepEqual(await soon(remove(NAME, [...ODD_DIDS]), 'remove'), { removed: ODD_DIDS.length })
    assert.deepEqual(await walk(index, NAME, 500), [])
  }),
]

/** What {@link RepoIndex} promises. */
export const repoIndexSuite: readonly RepoIndexCase[] = [
  ...listCases,
  ...changingCases,
  ...otherCases,
  ...removingCases,
]

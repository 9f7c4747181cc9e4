import assert from 'node:assert/strict'
import { abortCases, faultCases } from './repo-lister-faults.ts'
import {
  didsOf,
  type MakeRepoLister,
  NAME,
  paged,
  type RepoListerCase,
  servedCase,
  walk,
} from './repo-lister-steps.ts'
import { didsFrom, ODD_CURSORS, ODD_DIDS, ODD_NSIDS } from './samples.ts'
import type { SuiteCase } from './suite.ts'

const TEN = didsFrom(0, 10)

const listCases: readonly RepoListerCase[] = [
  servedCase(
    'gives every DID in the server’s order, and a cursor on each page but the last',
    { [NAME]: paged(TEN, 4) },
    async ({ lister }) => {
      assert.deepEqual(didsOf(await walk(lister, NAME)), TEN)
    },
  ),

  servedCase(
    'nothing but a missing cursor ends the list: no short page, no empty one',
    {
      [NAME]: [
        { repos: [], cursor: 'c1' },
        { repos: TEN.slice(0, 6), cursor: 'c2' },
        { repos: TEN.slice(6, 7), cursor: 'c3' },
        { repos: [], cursor: 'c4' },
        { repos: TEN.slice(7), cursor: 'c5' },
        { repos: [] },
      ],
    },
    async ({ lister }) => {
      assert.deepEqual(didsOf(await walk(lister, NAME)), TEN)
    },
  ),

  servedCase('a collection without repos is an empty page, the last one', {}, async ({ lister }) => {
    const [page, ...more] = await walk(lister, NAME)
    assert.deepEqual([page?.dids.length, page?.cursor, more.length], [0, undefined, 0])
  }),

  servedCase('gives each DID letter by letter', { [NAME]: paged(ODD_DIDS, 3) }, async ({ lister }) => {
    assert.deepEqual(didsOf(await walk(lister, NAME)), ODD_DIDS)
  }),

  servedCase(
    'leaves out what is no DID, and counts it',
    {
      [NAME]: [
        { repos: ['', ...TEN.slice(0, 5), 'nobody', 'did:plc'], cursor: 'c1' },
        { repos: ['DID:PLC:upper', ...TEN.slice(5)] },
      ],
    },
    async ({ lister }) => {
      const pages = await walk(lister, NAME)
      assert.deepEqual(didsOf(pages), TEN)
      assert.equal(
        pages.reduce((sum, { invalid = 0 }) => sum + invalid, 0),
        4,
        'rejected, over all pages',
      )
    },
  ),

  servedCase(
    'lists several collections at once, each from its own pages',
    Object.fromEntries(ODD_NSIDS.map((nsid, i) => [nsid, paged(didsFrom(i * 100, 10 + i), 4)])),
    async ({ lister }) => {
      const walks = await Promise.all(ODD_NSIDS.map((nsid) => walk(lister, nsid)))
      for (const [i, pages] of walks.entries()) assert.deepEqual(didsOf(pages), didsFrom(i * 100, 10 + i))
    },
  ),
]

const oddPages = [...ODD_CURSORS, undefined].map((cursor, i) => ({ repos: didsFrom(i, 1), cursor }))

const cursorCases: readonly RepoListerCase[] = [
  servedCase(
    'sends each cursor back as it came, letter by letter',
    { [NAME]: oddPages },
    async (fixture, server) => {
      assert.deepEqual(didsOf(await walk(fixture.lister, NAME)), didsFrom(0, oddPages.length))
      const sent = server.requests.flatMap(({ cursor }) => (cursor === undefined ? [] : [cursor]))
      assert.deepEqual(sent, ODD_CURSORS)
    },
  ),

  servedCase(
    'a page that is asked for again is the same page',
    { [NAME]: paged(TEN, 4) },
    async ({ lister }) => {
      const first = await lister.listRepos({ collection: NAME })
      const request = { collection: NAME, cursor: first.cursor }
      const second = await lister.listRepos(request)
      const again = await lister.listRepos(request)
      assert.deepEqual([again.dids, again.cursor], [second.dids, second.cursor])
      assert.deepEqual(didsOf(await walk(lister, NAME)), TEN)
    },
  ),

  servedCase('a saved cursor is all that the next run needs', { [NAME]: paged(TEN, 4) }, async (fixture) => {
    const first = await fixture.lister.listRepos({ collection: NAME })
    assert.ok(first.cursor !== undefined, 'a cursor on a page that is not the last')
    const { lister: next } = (await fixture.reopen?.()) ?? fixture
    assert.deepEqual([...first.dids, ...didsOf(await walk(next, NAME, first.cursor))], TEN)
  }),

  servedCase(
    'is called the same in every run, before and after it was used',
    { [NAME]: paged(TEN, 4) },
    async (fixture) => {
      const { relay } = fixture.lister
      assert.ok(typeof relay === 'string' && relay !== '', 'a name for the source')
      await walk(fixture.lister, NAME)
      const { lister: next } = (await fixture.reopen?.()) ?? fixture
      assert.deepEqual([fixture.lister.relay, next.relay], [relay, relay])
    },
  ),
]

/** What `RepoLister` promises. */
export const repoListerSuite: readonly SuiteCase<MakeRepoLister>[] = [
  ...listCases,
  ...cursorCases,
  ...faultCases,
  ...abortCases,
]

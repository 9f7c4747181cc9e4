import { describe, expect, it } from 'vitest'
import type { RepoLister, RepoPage } from '../../src/index.ts'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import type { Fault, ListReposPage, RelayRequest } from '../../src/testing/index.ts'
import { failuresOf, PAGE, serving, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'

const BAD = 'com.example.bad'
const GOOD = 'com.example.good'
const SIZE = 45

describe('a relay that refuses for good', () => {
  it('with 400, 401, 403, 404, 410 and 501 is asked once, and quoted; the others go on', async () => {
    const statuses = [400, 401, 403, 404, 410, 501]
    const refused = Object.fromEntries(statuses.map((status) => [`com.example.s${status}`, status]))
    await using run = await setUp({
      collections: { ...Object.fromEntries(Object.keys(refused).map((nsid) => [nsid, SIZE])), [GOOD]: SIZE },
      script: ({ collection = '' }) => {
        const status = refused[collection]
        if (status === undefined) return undefined
        return { status, body: { error: 'Nope', message: `Not ${status}.` } }
      },
    })
    const retried: unknown[] = []
    const onEvent = listenTo({ retry: (context: unknown) => retried.push(context) })
    const failures = await failuresOf(run.start({ onEvent }).run())
    expect(Object.keys(failures)).toEqual(Object.keys(refused))
    for (const [nsid, status] of Object.entries(refused)) {
      expect(failures[nsid]).toContain(`answered ${status} for ${nsid}: Nope: Not ${status}.`)
      expect(run.relay.requestsOf(nsid)).toHaveLength(1)
    }
    expect(retried).toEqual([])
    expect(await run.check()).toMatchObject({ completed: 1, pages: 5 })
  })
})

describe('a relay that refuses the moment', () => {
  it.each([421, 425])('with %i is asked again, and the walk goes on', async (status) => {
    await using run = await setUp({
      collections: { [BAD]: SIZE },
      // Twice, for by its standard fetch asks once more itself after a 421.
      script: ({ offset, attempt }) => (offset === 20 && attempt <= 2 ? { status } : undefined),
    })
    const retried: unknown[] = []
    const onEvent = listenTo({ retry: (context: unknown) => retried.push(context) })
    await run.start({ onEvent }).run()
    expect(retried[0]).toMatchObject({ collection: BAD, attempt: 1, error: { status } })
    expect(await run.check()).toMatchObject({ completed: 1, pages: 5 })
  })
})

const json = (page: ListReposPage) => JSON.stringify(page)

/** Answers that are no page, in place of the one that begins at 20. */
const badAnswers: { answer: string; fault: Fault; code: string }[] = [
  {
    answer: '502 with HTML',
    fault: { status: 502, body: '<html><h1>Bad Gateway</h1></html>' },
    code: 'RELAY_STATUS',
  },
  {
    answer: '200 with HTML',
    fault: { status: 200, body: '<html><h1>Welcome</h1></html>' },
    code: 'RELAY_BAD_ANSWER',
  },
  { answer: '200 and nothing', fault: { status: 200, body: '' }, code: 'RELAY_BAD_ANSWER' },
  {
    answer: 'JSON cut in half',
    fault: { answer: (page) => json(page).slice(0, 99) },
    code: 'RELAY_BAD_ANSWER',
  },
  { answer: 'a connection cut in mid-body', fault: { cut: 'in-body' }, code: 'RELAY_UNREACHABLE' },
  { answer: 'a connection cut in mid-head', fault: { cut: 'in-headers' }, code: 'RELAY_UNREACHABLE' },
  { answer: 'a connection cut at once', fault: { cut: 'before-headers' }, code: 'RELAY_UNREACHABLE' },
  { answer: 'no repos', fault: { answer: ({ cursor }) => ({ cursor }) }, code: 'RELAY_BAD_ANSWER' },
  { answer: 'no repos and no cursor', fault: { answer: () => ({}) }, code: 'RELAY_BAD_ANSWER' },
  { answer: 'repos that are null', fault: { answer: () => ({ repos: null }) }, code: 'RELAY_BAD_ANSWER' },
  { answer: 'repos that are an object', fault: { answer: () => ({ repos: {} }) }, code: 'RELAY_BAD_ANSWER' },
  { answer: 'null', fault: { answer: () => 'null' }, code: 'RELAY_BAD_ANSWER' },
  {
    answer: 'a cursor that is a number',
    fault: { answer: ({ repos }) => ({ repos, cursor: 7 }) },
    code: 'RELAY_BAD_ANSWER',
  },
  {
    answer: 'a cursor of 1 MB',
    fault: { answer: ({ repos }) => ({ repos, cursor: 'x'.repeat(1_000_000) }) },
    code: 'RELAY_BAD_ANSWER',
  },
  {
    answer: 'a cursor with a NUL',
    fault: { answer: ({ repos }) => ({ repos, cursor: 'a\0b' }) },
    code: 'RELAY_BAD_ANSWER',
  },
  {
    answer: 'nothing but entries without a did',
    fault: { answer: () => ({ repos: [{ handle: 'a.example' }, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'] }) },
    code: 'RELAY_BAD_ANSWER',
  },
]

describe('an answer that is no page', () => {
  const isPage = ({ collection, offset }: RelayRequest) => collection === BAD && offset === 20

  it.each(badAnswers)(
    '$answer: passes when it comes once, and nothing of it is saved',
    async ({ fault, code }) => {
      await using run = await setUp({
        collections: { [BAD]: SIZE, [GOOD]: SIZE },
        script: (request) => (isPage(request) && request.attempt === 1 ? fault : undefined),
      })
      const retried: unknown[] = []
      const onEvent = listenTo({ retry: (context: unknown) => retried.push(context) })
      expect(await run.start({ onEvent }).run()).toMatchObject({ completed: 2, added: 2 * SIZE, invalid: 0 })
      expect(retried).toMatchObject([{ collection: BAD, attempt: 1, error: { code } }])
      expect(await run.check()).toMatchObject({ completed: 2, pages: 10 })
    },
  )

  it.each(badAnswers)(
    '$answer: never is the end of the list, however often it comes',
    async ({ fault, code }) => {
      await using run = await setUp({
        collections: { [BAD]: SIZE, [GOOD]: SIZE },
        script: (request) => (isPage(request) ? fault : undefined),
      })
      const codes = new Set<unknown>()
      const collectionFailed = ({ error }: { error: unknown }) => codes.add((error as { code?: string }).code)
      const failures = await failuresOf(run.start({ onEvent: listenTo({ collectionFailed }) }).run())
      expect(Object.keys(failures)).toEqual([BAD])
      expect([...codes]).toEqual([code])
      expect(failures[BAD]?.length).toBeLessThanOrEqual(500)
      const asked = run.relay.requests.filter(isPage).length
      expect(asked).toBe(code === 'RELAY_STATUS' ? 13 : code === 'RELAY_BAD_ANSWER' ? 6 : 8)
      const [row] = await kyselyProgressStore(run.db).list()
      expect(row).toMatchObject({ collection: BAD, state: 'failed', pages: 2, imported: 20 })
      expect(await run.check()).toMatchObject({ completed: 1 })
    },
  )

  it.each([
    ['null', null],
    ['an empty string', ''],
  ])('a cursor that is %s is none: the list ends there', async (_, cursor) => {
    await using run = await setUp({
      collections: { [BAD]: SIZE },
      script: (request) => (isPage(request) ? { answer: ({ repos }) => ({ repos, cursor }) } : undefined),
    })
    expect(await run.start().run()).toMatchObject({ completed: 1, imported: 30 })
    const served = [...run.relay.dids(BAD)].slice(0, 30)
    await run.check({ relays: [serving(run.relay, { [BAD]: served })] })
  })
})

describe('entries that are no DID', () => {
  const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
  const rejects = [
    { did: 'nobody' },
    { did: 'did:plc' },
    { did: `${DID}\0` },
    { did: `did:web:${'x'.repeat(3_000)}.example` },
    { did: '__proto__' },
    { did: 7 },
    { did: null },
    { did: { did: DID } },
    { handle: 'someone.example' },
    DID,
    null,
    7,
    [],
    [DID],
  ]

  it('are counted, and the rest of the page is imported', async () => {
    // As text: an object literal would set the prototype instead.
    const withProto = (page: ListReposPage) =>
      json({ ...page, repos: [...(rejects as never[]), ...page.repos] }).replace(
        '[',
        `[{"__proto__":{"did":"${DID}"}},`,
      )
    await using run = await setUp({
      collections: { [BAD]: SIZE },
      script: ({ collection, offset }) =>
        collection === BAD && offset === 10 ? { answer: withProto } : undefined,
    })
    const pages: [number, number][] = []
    for await (const { added, invalid } of run.start({ pagesAhead: 1 })) pages.push([added ?? 0, invalid])
    const all = rejects.length + 1
    expect(pages).toEqual([
      [PAGE, 0],
      [PAGE, all],
      [PAGE, all],
      [PAGE, all],
      [5, all],
    ])
    expect(await kyselyProgressStore(run.db).list()).toMatchObject([{ imported: SIZE, invalid: all }])
    expect(await run.check()).toMatchObject({ completed: 1, foreign: 0 })
  })

  it.each([
    ['alone on its page', (offset: number) => offset === 10],
    ['alone in its list', (offset: number) => offset === 0],
    ['on every page', () => true],
  ])('%s: it is counted, the walk goes on and the collection is complete', async (where, isBad) => {
    const bad = { did: 'not-a-did' }
    const answer = ({ repos, cursor }: ListReposPage): ListReposPage => {
      const end = cursor === undefined ? {} : { cursor }
      if (where === 'on every page') return { repos: [bad, ...repos], ...end }
      return where === 'alone in its list' ? { repos: [bad] } : { repos: [bad], ...end }
    }
    await using run = await setUp({
      collections: { [BAD]: SIZE },
      script: ({ collection, offset = 0 }) => (collection === BAD && isBad(offset) ? { answer } : undefined),
    })
    const retries: unknown[] = []
    await run.start({ onEvent: listenTo({ retry: (event) => retries.push(event) }) }).run()
    const [row] = await kyselyProgressStore(run.db).list()
    const imported = { 'alone on its page': SIZE - PAGE, 'alone in its list': 0, 'on every page': SIZE }[
      where
    ]
    expect(row).toMatchObject({ state: 'complete', imported, invalid: where === 'on every page' ? 5 : 1 })
    expect(retries).toEqual([])
  })
})

describe('a lister of the user’s own', () => {
  const DIDS = ['did:web:a.example', 'did:web:b.example']
  const lister = (page: unknown): RepoLister => ({
    relay: 'my lister',
    listRepos: async ({ cursor }) => (cursor === undefined ? page : { dids: DIDS.slice(1) }) as RepoPage,
  })

  it.each([
    { where: 'beside others', dids: [DIDS[0], 'not-a-did', 7, null], imported: 2, invalid: 3 },
    { where: 'alone on its page', dids: ['not-a-did'], imported: 1, invalid: 1 },
  ])('may give entries that are no DID: they are counted ($where)', async ({ dids, imported, invalid }) => {
    await using run = await setUp({ collections: { [BAD]: 1 } })
    const retries: unknown[] = []
    const onEvent = listenTo({ retry: (event) => retries.push(event) })
    const summary = await run.start({ relay: lister({ dids, cursor: '1' }), onEvent }).run()
    expect(summary).toMatchObject({ completed: 1, imported, added: imported, invalid })
    expect(retries).toEqual([])
  })

  it.each([
    ['a cursor that is no string', { dids: DIDS, cursor: 7 }],
    ['a page without a list', { repos: DIDS }],
    ['no page', undefined],
  ])('that gives %s fails its collection with an error that names it', async (_, page) => {
    await using run = await setUp({ collections: { [BAD]: 1 } })
    const failures = await failuresOf(run.start({ relay: lister(page) }).run())
    expect(failures[BAD]).toContain('The lister of my lister gave a page')
    expect(await kyselyProgressStore(run.db).list()).toMatchObject([{ state: 'failed', imported: 0 }])
  })
})

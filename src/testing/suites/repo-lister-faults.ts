import assert from 'node:assert/strict'
import type { ServedPage, ServedRequest, ServerFault } from './lister-server.ts'
import {
  didsOf,
  type MakeRepoLister,
  NAME,
  paged,
  type RepoListerCase,
  type RepoListerFixture,
  serverOf,
  walk,
} from './repo-lister-steps.ts'
import { didsFrom } from './samples.ts'
import { assertAborts, rejectionOf, soon, withFixture } from './suite.ts'

const TEN = didsFrom(0, 10)
const PAGES: readonly ServedPage[] = paged(TEN, 4)
const LAST = PAGES.length - 1

/** A server whose page at `place` has a fault until it is mended; `asked` settles when that page is asked for. */
interface FaultyServer {
  readonly fixture: RepoListerFixture
  /** The cursor that leads to the page, as the lister gives it. */
  readonly cursor: string | undefined
  /** How often the page was asked for. */
  requests(): number
  readonly asked: Promise<void>
  mend(): void
}

/** A case that gets a lister at the page with the fault: what comes before was read already. */
function faultyCase(
  name: string,
  { fault, place }: { fault: ServerFault; place: number },
  run: (server: FaultyServer) => Promise<void>,
): RepoListerCase {
  return {
    name,
    async run(make: MakeRepoLister) {
      const server = serverOf({ [NAME]: PAGES })
      const { promise: asked, resolve } = Promise.withResolvers<void>()
      const isPlace = ({ collection, cursor }: ServedRequest) =>
        collection === NAME && cursor === PAGES[place - 1]?.cursor
      let broken = true
      const serve = (request: ServedRequest): ServedPage => {
        const page = server.serve(request)
        if (!isPlace(request)) return page
        resolve()
        return broken ? { ...page, fault } : page
      }
      await withFixture(await make(serve), async (fixture) => {
        let cursor: string | undefined
        for (let i = 0; i < place; i += 1)
          cursor = (await soon(fixture.lister.listRepos({ collection: NAME, cursor }), 'a page')).cursor
        const requests = () => server.requests.filter(isPlace).length
        const mend = () => {
          broken = false
        }
        await run({ fixture, cursor, requests, asked, mend })
      })
    },
  }
}

/** That an answer which is no page is an error, and never the end of the list. */
export const faultCases: readonly RepoListerCase[] = [
  refusalCase('an answer that is cut in half', { fault: 'cut', place: 0 }),
  refusalCase('a last page that is cut in half', { fault: 'cut', place: LAST }),
  refusalCase('a failure of the server', { fault: 'error', place: 0 }),
  refusalCase('a failure of the server at the last page', { fault: 'error', place: LAST }),
]

function refusalCase(what: string, at: { fault: ServerFault; place: number }): RepoListerCase {
  const name = `${what} is an error after one attempt, never the end of the list, and the page can be had later`
  return faultyCase(name, at, async ({ fixture: { lister }, cursor, requests, mend }) => {
    await rejectionOf(soon(lister.listRepos({ collection: NAME, cursor }), 'an answer'), 'listRepos')
    assert.equal(requests(), 1, 'attempts: trying again is the caller’s part')
    mend()
    const rest = PAGES.slice(at.place).flatMap(({ repos }) => repos)
    assert.deepEqual(didsOf(await walk(lister, NAME, cursor)), rest)
  })
}

export const abortCases: readonly RepoListerCase[] = [
  faultyCase(
    'a signal that aborted before: rejects with its reason',
    { fault: 'stalled', place: 0 },
    async ({ fixture: { lister } }) => {
      for (const reason of [new Error('no more'), 'no more']) {
        const listing = lister.listRepos({ collection: NAME, signal: AbortSignal.abort(reason) })
        await assertAborts(listing, reason, 'listRepos')
      }
    },
  ),

  faultyCase(
    'a signal that aborts while the server is silent: rejects soon, with its reason, and spoils nothing',
    { fault: 'stalled', place: 1 },
    async ({ fixture: { lister }, cursor, asked, mend }) => {
      const controller = new AbortController()
      const reason = new Error('no more')
      const listing = lister.listRepos({ collection: NAME, cursor, signal: controller.signal })
      // Its rejection is looked at below; until then it must not count as unhandled.
      listing.catch(() => {})
      await soon(asked, 'a request to the server')
      controller.abort(reason)
      await assertAborts(listing, reason, 'listRepos')
      mend()
      assert.deepEqual(didsOf(await walk(lister, NAME)), TEN)
    },
  ),

  faultyCase(
    'an abort ends its own request and no other',
    { fault: 'stalled', place: 0 },
    async ({ fixture: { lister }, asked }) => {
      const controller = new AbortController()
      const reason = new Error('no more')
      const listing = lister.listRepos({ collection: NAME, signal: controller.signal })
      listing.catch(() => {})
      await soon(asked, 'a request to the server')
      const other = lister.listRepos({ collection: 'com.example.other' })
      controller.abort(reason)
      await assertAborts(listing, reason, 'listRepos')
      assert.deepEqual((await soon(other, 'another request')).dids, [])
    },
  ),

  checkCase('a check passes where there are repos', TEN, async (check) => {
    await soon(check({}), 'check')
  }),

  checkCase('a check rejects with the reason of its signal', TEN, async (check) => {
    const reason = new Error('no more')
    await assertAborts(check({ signal: AbortSignal.abort(reason) }), reason, 'check')
  }),

  checkCase('a check rejects where every list is empty', [], async (check) => {
    await rejectionOf(soon(check({}), 'check'), 'check')
  }),
]

type Check = (options: { signal?: AbortSignal | undefined }) => Promise<void>

/** A check is optional. With or without one, the list afterwards is as it was served. */
function checkCase(
  name: string,
  repos: readonly string[],
  run: (check: Check) => Promise<void>,
): RepoListerCase {
  return {
    name,
    async run(make: MakeRepoLister) {
      await withFixture(await make(() => ({ repos })), async ({ lister }) => {
        if (lister.check) await run(async (options) => lister.check?.(options))
        assert.deepEqual(didsOf(await walk(lister, NAME)), repos)
      })
    },
  }
}

import { isValidDid } from '@atproto/syntax'
import { describe } from 'vitest'
import type { RepoLister, RepoListRequest, RepoPage } from '../../src/index.ts'
import {
  type MakeRepoLister,
  repoListerSuite,
  type ServedPage,
  type ServePage,
} from '../../src/testing/index.ts'
import { abortable } from '../../src/util/abort.ts'
import { type FaultRow, provesItself } from './broken.ts'

type ListRepos = RepoLister['listRepos']

/** Asks the server and hears its answer, or how it fails. */
async function ask(serve: ServePage, { collection, cursor, signal }: RepoListRequest): Promise<ServedPage> {
  signal?.throwIfAborted()
  const served = serve({ collection, cursor })
  await abortable(served.fault === 'stalled' ? new Promise<void>(() => {}) : Promise.resolve(), signal)
  return served
}

function pageOf({ repos, cursor, fault }: ServedPage): RepoPage {
  if (fault !== undefined) throw new Error(fault)
  const dids = repos.filter((did) => isValidDid(did))
  return { dids, cursor, invalid: repos.length - dids.length }
}

const plain =
  (serve: ServePage): ListRepos =>
  async (request) =>
    pageOf(await ask(serve, request))

/** A lister in this process, with a `listRepos` that is broken, given one that does it right. */
function broken(
  breakIt: (list: ListRepos, serve: ServePage) => ListRepos,
  rest: Partial<RepoLister> = {},
): MakeRepoLister {
  return async (serve) => {
    const make = () => ({ relay: 'relay.example', listRepos: breakIt(plain(serve), serve), ...rest })
    return { lister: make(), reopen: async () => ({ lister: make() }) }
  }
}

const answering = (understand: (served: ServedPage) => RepoPage): MakeRepoLister =>
  broken((_, serve) => async (request) => understand(await ask(serve, request)))

const changingPages = (change: (page: RepoPage) => RepoPage): MakeRepoLister =>
  broken((list) => async (request) => change(await list(request)))

const sending = (change: (cursor: string) => string): MakeRepoLister =>
  broken(
    (list) => (request) =>
      list(request.cursor === undefined ? request : { ...request, cursor: change(request.cursor) }),
  )

/** Keeps the place in itself, as an iterator over the pages does. */
function keepingThePlace(): MakeRepoLister {
  return broken((list) => {
    let place: string | undefined
    return async (request) => {
      const page = await list(request.cursor === undefined ? request : { ...request, cursor: place })
      place = page.cursor
      return page
    }
  })
}

/** Shares requests by what was asked, and keeps those that failed. */
function keepingFailures(): MakeRepoLister {
  return broken((list) => {
    const asked = new Map<string, Promise<RepoPage>>()
    return (request) => {
      const key = JSON.stringify([request.collection, request.cursor])
      const answer = asked.get(key) ?? list(request)
      asked.set(key, answer)
      return answer
    }
  })
}

function abortingAll(): MakeRepoLister {
  return broken((list) => {
    let controller = new AbortController()
    return async ({ signal, ...request }) => {
      signal?.throwIfAborted()
      const mine = controller
      signal?.addEventListener('abort', () => {
        mine.abort(signal.reason)
        controller = new AbortController()
      })
      // Later than the abort of another one: the answer is on its way all the while.
      const page = await list({ ...request, signal: mine.signal })
      await abortable(new Promise((resolve) => setTimeout(resolve, 20)), mine.signal)
      return page
    }
  })
}

let runs = 0
const renaming: MakeRepoLister = async (serve) => {
  const make = () => ({ relay: `relay ${++runs}`, listRepos: plain(serve) })
  return { lister: make(), reopen: async () => ({ lister: make() }) }
}

const later = ' is an error after one attempt, never the end of the list, and the page can be had later'
const ALL = 'gives every DID in the server’s order, and a cursor on each page but the last'
const TO_THE_END = 'nothing but a missing cursor ends the list: no short page, no empty one'
const CURSORS = 'sends each cursor back as it came, letter by letter'
const DIDS = 'gives each DID letter by letter'
const NO_DIDS = 'leaves out what is no DID, and counts it'
const SILENT =
  'a signal that aborts while the server is silent: rejects soon, with its reason, and spoils nothing'

const faults: FaultRow<MakeRepoLister>[] = [
  [
    'takes a cut answer for the end',
    answering((served) =>
      served.fault === 'cut' ? { dids: served.repos.slice(0, served.repos.length >> 1) } : pageOf(served),
    ),
    `an answer that is cut in half${later}`,
  ],
  [
    'takes a cut last page for a whole one',
    answering((served) =>
      served.fault === 'cut' && served.cursor === undefined
        ? { dids: served.repos.slice(0, 1) }
        : pageOf(served),
    ),
    `a last page that is cut in half${later}`,
  ],
  [
    'takes a failure for the end',
    answering((served) => (served.fault === 'error' ? { dids: [] } : pageOf(served))),
    `a failure of the server${later}`,
  ],
  [
    'tries again by itself',
    broken((list) => (request) => list(request).catch(() => list(request))),
    `a failure of the server at the last page${later}`,
  ],
  ['remembers what failed', keepingFailures(), `an answer that is cut in half${later}`],
  [
    'ends at a short page',
    changingPages((page) => (page.dids.length < 4 ? { ...page, cursor: undefined } : page)),
    TO_THE_END,
  ],
  [
    'ends at an empty page',
    changingPages((page) => (page.dids.length === 0 ? { ...page, cursor: undefined } : page)),
    TO_THE_END,
  ],
  [
    'gives an empty cursor on the last page',
    changingPages((page) => ({ ...page, cursor: page.cursor ?? '' })),
    ALL,
  ],
  ['sorts the DIDs', changingPages((page) => ({ ...page, dids: [...page.dids].sort() })), DIDS],
  [
    'folds the case of DIDs',
    changingPages((page) => ({ ...page, dids: page.dids.map((did) => did.toLowerCase()) })),
    DIDS,
  ],
  ['passes on what is no DID', answering((served) => ({ ...pageOf(served), dids: served.repos })), NO_DIDS],
  ['does not count what is no DID', changingPages((page) => ({ ...page, invalid: 0 })), NO_DIDS],
  ['takes a plus in a cursor for a space', sending((cursor) => cursor.replaceAll('+', ' ')), CURSORS],
  ['trims cursors', sending((cursor) => cursor.trim()), CURSORS],
  ['decodes cursors', sending((cursor) => cursor.replace('%2B', '+')), CURSORS],
  ['takes cursors for numbers', sending((cursor) => cursor.replace(/^0+(?=\d)/, '')), CURSORS],
  ['keeps its place in itself', keepingThePlace(), 'a page that is asked for again is the same page'],
  [
    'is called otherwise in the next run',
    renaming,
    'is called the same in every run, before and after it was used',
  ],
  [
    'folds the case of collections',
    broken((list) => (request) => list({ ...request, collection: request.collection.toLowerCase() })),
    'lists several collections at once, each from its own pages',
  ],
  [
    'ignores the signal',
    broken(
      (list) =>
        ({ signal: _, ...request }) =>
          list(request),
    ),
    SILENT,
  ],
  [
    'rejects an abort with an error of its own',
    broken(
      (list) => (request) =>
        list(request).catch((error) => {
          throw request.signal?.aborted ? new DOMException('aborted', 'AbortError') : error
        }),
    ),
    SILENT,
  ],
  [
    'takes an abort for the end',
    broken(
      (list) => (request) =>
        list(request).catch((error) => {
          if (request.signal?.aborted) return { dids: [] }
          throw error
        }),
    ),
    SILENT,
  ],
  ['ends every request with one abort', abortingAll(), 'an abort ends its own request and no other'],
  [
    'checks nothing',
    broken((list) => list, { check: async () => {} }),
    'a check rejects where every list is empty',
  ],
  [
    'passes nobody in its check',
    broken((list) => list, { check: () => Promise.reject(new Error('unsuitable')) }),
    'a check passes where there are repos',
  ],
]

describe('repoListerSuite', () => {
  provesItself(
    repoListerSuite,
    broken((list) => list),
    faults,
  )
})

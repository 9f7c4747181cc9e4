import { describe } from 'vitest'
import { memoryProgressStore, type ProgressStore } from '../../src/index.ts'
import { progressStoreSuite } from '../../src/testing/index.ts'
import { type FaultRow, provesItself } from './broken.ts'
import { broken, type Make, withNewest } from './broken-progress.ts'

const AGAIN = 'rearm has those that were given up tried again where they stopped, and forgets their attempts'
const LISTED = 'rearm changes only the collections that are listed, and passes over unknown names'
const FREED = 'rearm from the start frees at once what failed, waited or was given up'
const BEGINS =
  'rearm from the start begins what is complete at the first page again, and keeps what it brought as an estimate'
const ESTIMATES = 'rearm from the start lowers no estimate and makes none up'

/** The rows of a source that rearm would begin anew, walking or not. */
async function allOf(store: ProgressStore, source: string): Promise<string[]> {
  return (await store.list({ relay: source })).map(({ collection }) => collection)
}

const rows: FaultRow<Make>[] = [
  ['tries nothing again', broken(() => ({ rearm: async () => 0 })), AGAIN],
  [
    'counts the rows that it looked at',
    broken((store) => ({
      async rearm(source, options) {
        await store.rearm(source, options)
        return (options?.collections ?? (await allOf(store, source))).length
      },
    })),
    LISTED,
  ],
  [
    'begins anew what is only to be tried again',
    broken((store) => ({
      rearm: (source, options) => store.rearm(source, { ...options, fromStart: true }),
    })),
    AGAIN,
  ],
  [
    'takes an empty list for all',
    broken((store) => ({
      rearm: (source, { collections = [], ...options } = {}) =>
        store.rearm(source, { ...options, ...(collections.length > 0 ? { collections } : {}) }),
    })),
    LISTED,
  ],
  [
    'makes rows for names that it does not know',
    broken((store) => ({
      async rearm(source, options) {
        const changed = await store.rearm(source, options)
        await store.register(
          source,
          (options?.collections ?? []).map((nsid) => ({ nsid })),
        )
        return changed
      },
    })),
    LISTED,
  ],
  [
    'looks at no source',
    broken((store) => ({
      async rearm(_, options) {
        const sources = new Set((await store.list()).map(({ relay: source }) => source))
        let changed = 0
        for (const source of sources) changed += await store.rearm(source, options)
        return changed
      },
    })),
    'rearm leaves rows of another source alone',
  ],
  [
    'ends the pauses of others',
    broken((store) => ({
      async rearm(source, options) {
        const waiting = (await store.list({ relay: source })).filter(({ state }) => state === 'pending')
        const collections = waiting.map(({ collection }) => collection)
        await store.rearm(source, { collections, fromStart: true })
        return store.rearm(source, options)
      },
    })),
    'rearm leaves alone what was not given up, and its pause',
  ],
  [
    'begins only those anew that were given up',
    broken((store) => ({
      async rearm(source, { collections, fromStart } = {}) {
        const failed = (await store.list({ relay: source })).filter(({ state }) => state === 'failed')
        const names = failed.map(({ collection }) => collection)
        const listed = names.filter((name) => collections?.includes(name) ?? true)
        return store.rearm(source, { collections: listed, fromStart })
      },
    })),
    BEGINS,
  ],
  [
    'leaves a collection complete that begins anew',
    broken((store) => ({
      async rearm(source, options) {
        const complete = (await store.list({ relay: source })).filter(({ state }) => state === 'complete')
        return complete.length > 0 ? complete.length : store.rearm(source, options)
      },
    })),
    BEGINS,
  ],
  [
    'makes an estimate of nothing',
    broken((store) => ({
      async rearm(source, options) {
        const changed = await store.rearm(source, options)
        const unknown = (await store.list({ relay: source })).filter(
          ({ estimatedRepos }) => estimatedRepos === undefined,
        )
        await store.register(
          source,
          unknown.map(({ collection: nsid }) => ({ nsid, estimatedRepos: 0 })),
        )
        return changed
      },
    })),
    ESTIMATES,
  ],
  [
    'keeps the cursor of what begins anew',
    broken((store) => ({
      rearm: (source, options) => store.rearm(source, { ...options, fromStart: false }),
    })),
    FREED,
  ],
  [
    'begins anew under a live lease',
    async () => {
      const store = memoryProgressStore()
      // Released on behalf of its worker first, as a store does that does not look at the lease.
      const held: Parameters<ProgressStore['release']>[0][] = []
      const progress: ProgressStore = {
        ...store,
        async claim(request) {
          const claim = await store.claim(request)
          if (claim) held.push(claim)
          return claim
        },
        async rearm(source, options) {
          if (options?.fromStart) for (const claim of held) await store.release(claim)
          return store.rearm(source, options)
        },
      }
      return { progress }
    },
    'rearm from the start leaves alone what is under a live lease',
  ],
  [
    'lets a claim of the earlier walk go on in the new one',
    () => {
      let begunAnew = false
      return withNewest((store, newest) => ({
        rearm(source, options) {
          begunAnew = options?.fromStart === true
          return store.rearm(source, options)
        },
        advance(claim, page, write) {
          const { epoch, owner } = newest(claim)
          return store.advance(begunAnew && owner === claim.owner ? { ...claim, epoch } : claim, page, write)
        },
      }))()
    },
    'rearm from the start takes the claim from a worker whose lease had run out',
  ],
]

describe('progressStoreSuite', () => {
  provesItself(
    progressStoreSuite,
    broken(() => ({})),
    rows,
  )
})

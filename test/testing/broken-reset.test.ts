import { describe } from 'vitest'
import type { CollectionState, ProgressStore } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { progressStoreSuite } from '../../src/testing/index.ts'
import { type FaultRow, provesItself } from './broken.ts'
import { broken, type Make, withNewest } from './broken-progress.ts'

const AGAIN = 'retryFailed tries failed collections again where they stopped, and forgets their attempts'
const LISTED = 'retryFailed changes only the collections that are listed, and passes over unknown names'
const NAMED = 'retryFailed ends the pause of a collection that is named'
const FREED = 'reset frees at once what failed or waited'
const BEGINS =
  'reset begins a complete collection at the first page again, and keeps what it brought as an estimate'
const ESTIMATES = 'reset lowers no estimate and makes none up'

/** The names of a relay's collections, in one state or in any. */
async function namesOf(store: ProgressStore, relay: string, ...states: CollectionState[]): Promise<string[]> {
  const rows = (await store.list({ relay })).filter(
    ({ state }) => states.length === 0 || states.includes(state),
  )
  return rows.map(({ collection }) => collection)
}

const retries: FaultRow<Make>[] = [
  [
    'retries what failed and leaves what waits, also where it is named',
    broken((store) => ({
      async retryFailed(relay, collections) {
        const failed = await namesOf(store, relay, 'failed')
        return store.retryFailed(
          relay,
          collections?.filter((name) => failed.includes(name)),
        )
      },
    })),
    NAMED,
  ],
  ['tries nothing again', broken(() => ({ retryFailed: async () => 0 })), AGAIN],
  [
    'counts the rows that it looked at',
    broken((store) => ({
      async retryFailed(relay, collections) {
        await store.retryFailed(relay, collections)
        return (collections ?? (await namesOf(store, relay))).length
      },
    })),
    LISTED,
  ],
  [
    'begins anew what is only to be tried again',
    broken((store) => ({ retryFailed: (relay, collections) => store.reset(relay, collections) })),
    AGAIN,
  ],
  [
    'takes an empty list for all',
    broken((store) => ({
      retryFailed: (relay, collections = []) =>
        store.retryFailed(relay, collections.length > 0 ? collections : undefined),
    })),
    LISTED,
  ],
  [
    'makes rows for names that it does not know',
    broken((store) => ({
      async retryFailed(relay, collections = []) {
        const changed = await store.retryFailed(relay, collections)
        await store.register(
          relay,
          collections.map((nsid) => ({ nsid })),
        )
        return changed
      },
    })),
    LISTED,
  ],
  ...(['retryFailed', 'reset'] as const).map(
    (method): FaultRow<Make> => [
      `looks at no relay in ${method}`,
      broken((store) => ({
        async [method](_: string, collections?: readonly string[]) {
          let changed = 0
          for (const relay of new Set((await store.list()).map((row) => row.relay)))
            changed += await store[method](relay, collections)
          return changed
        },
      })),
      'retryFailed and reset leave rows of another relay alone',
    ],
  ),
  [
    'ends the pauses of others',
    broken((store) => ({
      async retryFailed(relay, collections) {
        await store.reset(relay, await namesOf(store, relay, 'pending'))
        return store.retryFailed(relay, collections)
      },
    })),
    'retryFailed leaves alone what has not failed, and its pause',
  ],
]

const resets: FaultRow<Make>[] = [
  [
    'resets failed collections only',
    broken((store) => ({
      async reset(relay, collections) {
        const failed = await namesOf(store, relay, 'failed')
        return store.reset(
          relay,
          failed.filter((name) => collections?.includes(name) ?? true),
        )
      },
    })),
    BEGINS,
  ],
  [
    'leaves a collection complete that it resets',
    broken((store) => ({
      async reset(relay, collections) {
        const complete = await namesOf(store, relay, 'complete')
        return complete.length > 0 ? complete.length : store.reset(relay, collections)
      },
    })),
    BEGINS,
  ],
  [
    'makes an estimate of nothing',
    broken((store) => ({
      async reset(relay, collections) {
        const changed = await store.reset(relay, collections)
        const unknown = (await store.list({ relay })).filter(
          ({ estimatedRepos }) => estimatedRepos === undefined,
        )
        await store.register(
          relay,
          unknown.map(({ collection: nsid }) => ({ nsid, estimatedRepos: 0 })),
        )
        return changed
      },
    })),
    ESTIMATES,
  ],
  [
    'keeps the cursor of what it resets',
    broken((store) => ({ reset: (relay, collections) => store.retryFailed(relay, collections) })),
    FREED,
  ],
  [
    'resets under a live lease',
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
        async reset(relay, collections) {
          for (const claim of held) await store.release(claim)
          return store.reset(relay, collections)
        },
      }
      return { progress }
    },
    'reset leaves a running collection alone',
  ],
  [
    'lets a claim of the earlier walk go on in the new one',
    () => {
      let wasReset = false
      return withNewest((store, newest) => ({
        reset(relay, collections) {
          wasReset = true
          return store.reset(relay, collections)
        },
        advance(claim, page, write) {
          const { epoch, owner } = newest(claim)
          return store.advance(wasReset && owner === claim.owner ? { ...claim, epoch } : claim, page, write)
        },
      }))()
    },
    'reset takes the claim from a worker whose lease ran out',
  ],
]

describe('progressStoreSuite', () => {
  provesItself(
    progressStoreSuite,
    broken(() => ({})),
    [...retries, ...resets],
  )
})

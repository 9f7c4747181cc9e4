import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type IndexSink,
  memoryStore,
  type PruneEvent,
  type PruneOptions,
  type PruneStore,
  type PruneSummary,
  prune,
  type RelayAccount,
  relayAccounts,
} from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { type AccountServer, type AccountServerParts, startAccountServer } from '../support/account-server.ts'
import { createPostgres } from '../support/databases.ts'
import { quick } from '../support/e2e.ts'
import { didsFrom } from '../support/store-steps.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

interface Pruned extends AsyncDisposable, PruneStore {
  readonly sink: IndexSink
}

const stores: readonly { kind: string; create(): Promise<Pruned> }[] = [
  { kind: 'memory', create: async () => ({ ...memoryStore(), async [Symbol.asyncDispose]() {} }) },
  {
    kind: 'SQLite',
    async create() {
      const folder = await temporaryFolder()
      const store = await openSqlite(join(folder.path, 'index.db'))
      const dispose = async () => {
        await store.close()
        await folder[Symbol.asyncDispose]()
      }
      return { ...store, [Symbol.asyncDispose]: dispose }
    },
  },
  {
    kind: 'Postgres',
    async create() {
      const database = await createPostgres()
      const store = await openPostgres(database.url)
      const dispose = async () => {
        await store.close()
        await database[Symbol.asyncDispose]()
      }
      return { ...store, [Symbol.asyncDispose]: dispose }
    },
  },
]

const A = 'com.example.a'
const B = 'com.example.b'
const DIDS = didsFrom(0, 200)
const at = (...places: number[]) => places.map((place) => DIDS[place] ?? '')
const without = (gone: readonly string[]) => DIDS.filter((did) => !gone.includes(did))

/** The accounts of all DIDs, active but for these. */
function accounts(states: Record<string, readonly string[]>): RelayAccount[] {
  const statusOf = (did: string) => Object.keys(states).find((status) => states[status]?.includes(did))
  return DIDS.map((did) => {
    const status = statusOf(did)
    return status === undefined ? { did, active: true } : { did, active: false, status }
  })
}

async function heldIn({ index }: PruneStore, collection: string): Promise<string[]> {
  const dids: string[] = []
  let cursor: string | undefined
  do {
    const page = await index.listRepos(collection, { cursor })
    dids.push(...page.dids)
    cursor = page.cursor
  } while (cursor !== undefined)
  return dids
}

interface Scene {
  readonly store: Pruned
  readonly relay: AccountServer
  prune(options?: Partial<PruneOptions>): Promise<{ events: PruneEvent[]; summary: PruneSummary }>
}

/** An index in which all DIDs have A, and every second one B, and a relay that knows these accounts. */
async function withScene(
  parts: AccountServerParts,
  body: (scene: Scene) => Promise<void>,
  create = stores[0]?.create,
): Promise<void> {
  await using relay = await startAccountServer({ pageSize: 30, ...parts })
  if (create === undefined) throw new Error('There is no store.')
  await using store = await create()
  await store.sink.add({ relay: 'x', collection: A, dids: DIDS })
  await store.sink.add({ relay: 'x', collection: B, dids: DIDS.filter((_, i) => i % 2 === 0) })
  const run = async (options: Partial<PruneOptions> = {}) => {
    const lister = relayAccounts(relay.origin, { requestsPerSecond: 10_000 })
    const pruning = prune({ relay: lister, store, retry: quick, onEvent() {}, ...options })
    const events: PruneEvent[] = []
    for await (const event of pruning) events.push(event)
    return { events, summary: pruning.summary }
  }
  await body({ store, relay, prune: run })
}

describe.each(stores)('on $kind', ({ create }) => {
  it('pairs of deleted and taken-down accounts go, and no others', () =>
    withScene(
      {
        listed: accounts({
          deleted: at(3, 4),
          takendown: at(10),
          deactivated: at(20),
          suspended: at(30),
          desynchronized: at(40),
        }),
      },
      async (scene) => {
        const { events, summary } = await scene.prune()
        const gone = at(3, 4, 10)
        expect(await heldIn(scene.store, A)).toEqual(without(gone).toSorted())
        expect(await heldIn(scene.store, B)).toEqual(
          DIDS.filter((did, i) => i % 2 === 0 && !gone.includes(did)).toSorted(),
        )
        expect(summary).toMatchObject({
          listed: 200,
          pairs: 300,
          inactive: {
            deleted: { accounts: 2, held: 2, pairs: 3 },
            takendown: { accounts: 1, held: 1, pairs: 2 },
            deactivated: { accounts: 1, held: 1, pairs: 2 },
            suspended: { accounts: 1, held: 1, pairs: 2 },
            inactive: { accounts: 1, held: 1, pairs: 2 },
          },
          unlisted: { accounts: 0, pairs: 0 },
          mayRemove: 5,
          removed: 5,
          outcome: 'pruned',
        })
        const kinds = events.map(({ type }) => type)
        expect(kinds.indexOf('report')).toBeLessThan(kinds.indexOf('removed'))
        expect(kinds.lastIndexOf('counted')).toBeLessThan(kinds.indexOf('report'))
      },
      create,
    ))

  it('an account that the list does not name goes only if the relay says that it is gone', () => {
    const unlisted = at(0, 1, 2, 6)
    const answers: Record<string, RelayAccount | undefined> = {
      [unlisted[0] ?? '']: { did: unlisted[0] ?? '', active: false, status: 'deleted' },
      [unlisted[1] ?? '']: { did: unlisted[1] ?? '', active: true },
      [unlisted[2] ?? '']: { did: unlisted[2] ?? '', active: false, status: 'takendown' },
    }
    return withScene(
      { listed: accounts({}).filter(({ did }) => !unlisted.includes(did)), told: (did) => answers[did] },
      async (scene) => {
        const { summary } = await scene.prune()
        expect(await heldIn(scene.store, A)).toEqual(without(at(0, 2)).toSorted())
        expect(await heldIn(scene.store, B)).not.toContain(unlisted[0])
        expect(scene.relay.lookedUp.toSorted()).toEqual(unlisted.toSorted())
        expect(summary.unlisted).toEqual({ accounts: 4, pairs: 7, lookedUp: 4, gone: 2, notFound: 1 })
        expect(summary.removed).toBe(4)
      },
      create,
    )
  })

  it('a list that lacks half the network removes nothing, and nothing is looked up', () =>
    withScene(
      { listed: accounts({ deleted: at(3) }).slice(100), told: () => undefined },
      async (scene) => {
        await expect(scene.prune()).rejects.toMatchObject({
          code: 'PRUNE_REFUSED',
          refusal: { pairs: 300, mayRemove: 150, unlistedPairs: 150 },
        })
        expect(await heldIn(scene.store, A)).toHaveLength(200)
        expect(scene.relay.lookedUp).toEqual([])
        // Looked up all the same, an account that is not said to be gone is kept.
        await scene.prune({ confirm: () => true })
        expect(await heldIn(scene.store, A)).toHaveLength(200)
        expect(scene.relay.lookedUp).toHaveLength(100)
      },
      create,
    ))

  it('a prune that broke off goes on with its look-ups where it stopped', () => {
    const unlisted = DIDS.filter((_, i) => i % 4 === 0)
    let broken = false
    let asked = 0
    return withScene(
      {
        listed: accounts({}).filter(({ did }) => !unlisted.includes(did)),
        told: (did) => ({ did, active: false, status: 'deleted' }),
        // The first prune gets as far as the second collection.
        fault: ({ pathname }) => {
          if (!pathname.endsWith('getRepoStatus')) return undefined
          asked += 1
          broken ||= asked > unlisted.length / 2
          return broken && asked < 1_000 ? { status: 500, body: {} } : undefined
        },
      },
      async (scene) => {
        const options = { maxShare: 1, retry: { ...quick, retries: 0 } }
        await expect(scene.prune(options)).rejects.toMatchObject({ code: 'RELAY_STATUS' })
        asked = 1_000
        const { summary } = await scene.prune(options)
        expect(summary.outcome).toBe('pruned')
        expect(await heldIn(scene.store, A)).toEqual(without(unlisted).toSorted())
        expect(await heldIn(scene.store, B)).toHaveLength(50)
        const rows = (await scene.store.progress?.list()) ?? []
        expect(rows).toMatchObject([{ relay: `prune:${scene.relay.origin}`, state: 'complete' }])
      },
      create,
    )
  })
})

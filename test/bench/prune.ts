import { join } from 'node:path'
import type { OpenedStore } from '../../src/contracts/opened-store.ts'
import type { PruneSummary, RelayAccount } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { didOf } from '../../src/testing/dids.ts'
import { type AccountServer, startAccountServer } from '../support/account-server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startChild } from './child.ts'
import type { PruneChildOptions, PruneChildReport } from './prune-child.ts'
import { startBenchServer } from './server.ts'
import { atMost, type Row, type Section } from './table.ts'

const GOAL_MEMORY = 200
const COLLECTIONS = 20

/** Of a thousand accounts, so many are gone and listed so, and so many are gone and not listed. */
const LISTED_GONE = 20
const UNLISTED_GONE = 10

/** V8 by itself takes what it likes before it tidies up: see `overhead.ts`. */
const SMALL_HEAP: readonly string[] = ['--max-old-space-size=64', '--max-semi-space-size=4']

interface Scale {
  readonly accounts: number
  readonly pairs: number
}

const FULL: Scale = { accounts: 400_000, pairs: 1_000_000 }
const QUICK: Scale = { accounts: 4_000, pairs: 8_000 }

/** Accounts that came back after the relay's list was read: gone on the list, active by feed and when asked. */
const CAME_BACK = 7

type Kind = 'active' | 'listedGone' | 'unlistedGone' | 'cameBack' | 'unlisted'

function kindOf(account: number): Kind {
  const place = account % 1000
  if (place < LISTED_GONE) return account < CAME_BACK ? 'cameBack' : 'listedGone'
  if (place < LISTED_GONE + UNLISTED_GONE) return 'unlistedGone'
  // A few that the list does not name although they are there.
  return place === LISTED_GONE + UNLISTED_GONE ? 'unlisted' : 'active'
}

/** Pruning a million pairs of which three in a hundred are of accounts that are gone: time, memory, a kill, a live feed. */
export async function prune(quick: boolean): Promise<Section> {
  const scale = quick ? QUICK : FULL
  const problems: string[] = []
  const rows: Row[] = []
  let peak = 0
  await using relay = await startRelay(scale)
  await using server = await startBenchServer()
  await using folder = await temporaryFolder()
  const stores = [
    { kind: 'postgres', place: server.url },
    { kind: 'sqlite', place: join(folder.path, 'index.db') },
  ] as const
  for (const { kind, place } of stores) {
    const open = () => (kind === 'postgres' ? openPostgres(place) : openSqlite(place))
    for (const kill of [false, true]) {
      await using store: OpenedStore = await open()
      await fill(store, scale)
      const reports = await pruned({ kind, place, relay: relay.origin, fed: FED }, kill, scale)
      const name = `${kind}${kill ? `, killed ${reports.length - 1} times` : ''}`
      problems.push(...(await check(store, scale)).map((problem) => `${name}: ${problem}`))
      for (const { summary, peakBytes } of reports.slice(-1)) {
        peak = Math.max(peak, peakBytes / 1e6)
        rows.push(rowOf(name, summary, peakBytes))
      }
    }
  }
  return {
    name: 'prune',
    setup: [
      `${scale.pairs} pairs in ${COLLECTIONS} collections, of ${scale.accounts} accounts; of these 2 % are deleted or taken down on the ` +
        "relay's list, 1 % are gone and not listed, and 0.1 % are active and not listed: they are looked up, at up to 2,000 requests a " +
        `second of a relay on the same machine. Meanwhile, a live feed in the same process tells that ${CAME_BACK} accounts came ` +
        'back, and adds pairs. Each prune in a process of its own, with a small heap so that the peak is what it needs; killed hard ' +
        'after a part was removed, and started again. The ' +
        'figures of a killed one are those of its last process.',
    ],
    goals: [atMost('peak memory of a prune, MB', peak, GOAL_MEMORY, 0)],
    tables: [
      { head: ['store', 'seconds', 'listed', 'pairs', 'looked up', 'removed', 'came back', 'peak MB'], rows },
    ],
    problems,
    allRight: 'Exactly the pairs of accounts that are gone were removed, in every run.',
  }
}

function startRelay({ accounts }: Scale): Promise<AccountServer> {
  const told = new Map<string, RelayAccount>()
  const listed: RelayAccount[] = []
  for (let account = 0; account < accounts; account += 1) {
    const did = didOf(account, 1)
    const kind = kindOf(account)
    const gone = { did, active: false, status: account % 2 === 0 ? 'deleted' : 'takendown' }
    told.set(did, kind === 'listedGone' || kind === 'unlistedGone' ? gone : { did, active: true })
    if (kind === 'cameBack') listed.push(gone)
    else if (kind === 'active' || kind === 'listedGone') listed.push(told.get(did) ?? gone)
  }
  return startAccountServer({ listed, told: (did) => told.get(did) })
}

const nameOf = (collection: number) => `com.example.n${collection}`

/** Each account is in its share of the collections. */
function* accountsIn(collection: number, { accounts, pairs }: Scale): Generator<number, void, void> {
  const step = (accounts * COLLECTIONS) / pairs
  for (let at = collection % step; at < accounts; at += step) yield Math.floor(at)
}

async function fill({ sink, index, feed }: OpenedStore, scale: Scale): Promise<void> {
  const back = Array.from({ length: CAME_BACK }, (_, account) => didOf(account, 1))
  for (let collection = 0; collection < COLLECTIONS; collection += 1) {
    const nsid = nameOf(collection)
    const dids = Array.from(accountsIn(collection, scale), (account) => didOf(account, 1))
    // What an earlier prune has closed comes back.
    const accounts = dids.map((did) => ({ did, active: true }))
    for (let from = 0; from < dids.length; from += 10_000) {
      await feed.apply({ feed: 'feed:bench', accounts: accounts.slice(from, from + 10_000) })
      await sink.add({ relay: 'bench', collection: nsid, dids: dids.slice(from, from + 10_000) })
    }
    const { dids: added } = await index.listRepos(FED, { limit: 10_000 })
    await index.remove(FED, added)
  }
  await feed.apply({ feed: 'feed:bench', accounts: back.map((did) => ({ did, active: true })) })
}

/** Where the live feed adds pairs. */
const FED = 'com.example.fed'

async function pruned(
  options: Omit<PruneChildOptions, 'dieAfter'>,
  kill: boolean,
  { pairs }: Scale,
): Promise<PruneChildReport[]> {
  const reports: PruneChildReport[] = []
  for (const dieAfter of kill ? [pairs / 200, pairs / 200, undefined] : [undefined]) {
    await using child = startChild('./prune-child.ts', { ...options, dieAfter }, SMALL_HEAP)
    reports.push(await child.hear<PruneChildReport>())
  }
  return reports
}

async function check({ index }: OpenedStore, scale: Scale): Promise<string[]> {
  const problems: string[] = []
  for (let collection = 0; collection < COLLECTIONS; collection += 1) {
    const expected = new Set<string>()
    for (const account of accountsIn(collection, scale))
      if (!/Gone$/.test(kindOf(account))) expected.add(didOf(account, 1))
    const nsid = nameOf(collection)
    let surplus = 0
    let cursor: string | undefined
    do {
      const page = await index.listRepos(nsid, { cursor, limit: 10_000 })
      for (const did of page.dids) if (!expected.delete(did)) surplus += 1
      cursor = page.cursor
    } while (cursor !== undefined)
    if (surplus + expected.size > 0)
      problems.push(`${nsid} has ${surplus} that should be gone, and lacks ${expected.size}`)
  }
  return problems
}

function rowOf(name: string, summary: PruneSummary, peakBytes: number): Row {
  const { durationMs, listed, pairs, unlisted, removed, cameBack } = summary
  const figures = [listed, pairs, unlisted.lookedUp, removed, cameBack, Math.round(peakBytes / 1e6)]
  return [name, (durationMs / 1000).toFixed(1), ...figures.map(String)]
}

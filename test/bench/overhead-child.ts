/** One run without a database, in a process of its own, so that its memory and its CPU time are the run's and nobody else's. */
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import {
  createBackfiller,
  type IndexSink,
  knownCollections,
  type RepoLister,
  relayLister,
} from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { didOf } from '../../src/testing/dids.ts'
import { parent } from './child.ts'

/** What a child runs. */
export interface OverheadOptions {
  readonly sizes: Readonly<Record<string, number>>
  readonly pageSize: number
  /** Absent: a lister that does nothing. */
  readonly relayUrl?: string | undefined
  /** Without the library: the same pages by `fetch` and `json()`, and nothing is kept. */
  readonly bare?: boolean | undefined
}

/** What came of it. */
export interface OverheadReport extends Figures {
  readonly imported: number
  readonly pages: number
  readonly completed: number
}

interface Figures {
  /** Of all its threads, in user and system, from the run's beginning until all pairs were there. */
  readonly cpuMicros: number
  /** The most memory that the process had, with Node itself. */
  readonly peakBytes: number
  /** What is left of heap and buffers then, once the garbage is collected. */
  readonly aliveBytes: number
}

const { hear, say } = parent()
const options = await hear<OverheadOptions>()
if (options !== undefined) say(await (options.bare ? measureBare(options) : measure(options)))

async function measure({ sizes, pageSize, relayUrl }: OverheadOptions): Promise<OverheadReport> {
  const lister = relayUrl === undefined ? idleLister(sizes, pageSize) : relayLister(relayUrl, { pageSize })
  const known = Object.entries(sizes).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))
  const total = known.reduce((sum, { estimatedRepos }) => sum + estimatedRepos, 0)
  const before = process.cpuUsage()
  const taken: Promise<Figures>[] = []
  let imported = 0
  const sink: IndexSink = {
    async add({ dids }) {
      imported += dids.length
      // Once, and before the run is over: what clings to it would be gone with it.
      if (imported === total && taken.length === 0) taken.push(figuresSince(before))
      await taken[0]
      return { added: dids.length }
    },
  }
  const progress = memoryProgressStore()
  const backfiller = createBackfiller({
    relay: lister,
    collections: [knownCollections(known)],
    store: { sink, progress },
  })
  const { pages, completed } = await backfiller.run()
  const figures = await taken[0]
  if (figures === undefined) throw new Error(`${imported} of ${total} pairs came.`)
  return { imported, pages, completed, ...figures }
}

async function measureBare({ sizes, pageSize, relayUrl }: OverheadOptions): Promise<OverheadReport> {
  const collections = Object.keys(sizes)
  let imported = 0
  let pages = 0
  async function walk(collection: string): Promise<void> {
    const url = new URL(`/xrpc/com.atproto.sync.listReposByCollection?limit=${pageSize}`, relayUrl)
    url.searchParams.set('collection', collection)
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      if (cursor !== '') url.searchParams.set('cursor', cursor)
      const page = (await (await fetch(url)).json()) as { repos: unknown[]; cursor?: string }
      imported += page.repos.length
      pages += 1
      cursor = page.cursor
    }
  }
  const before = process.cpuUsage()
  await Promise.all(collections.map(walk))
  return { imported, pages, completed: collections.length, ...(await figuresSince(before)) }
}

async function figuresSince(before: NodeJS.CpuUsage): Promise<Figures> {
  const { user, system } = process.cpuUsage(before)
  const peak = peakBytes()
  if (gc === undefined) throw new Error('Start it with --expose-gc.')
  // The first may just end a round of marking that was under way; then finalizers let go of what they hold, which has some too.
  for (let round = 0; round < 8; round += 1) {
    gc()
    await setImmediate()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { cpuMicros: user + system, peakBytes: peak, aliveBytes: heapUsed + arrayBuffers }
}

/**
 * The most memory that this process has had. Linux counts in `maxRSS` what the parent had when it started this one, so its own
 * account is read there.
 */
function peakBytes(): number {
  const { maxRSS } = process.resourceUsage()
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? maxRSS) * 1024
}

/** Has one page and gives it again and again, for as long as the collection is said to last. */
function idleLister(sizes: Readonly<Record<string, number>>, pageSize: number): RepoLister {
  const dids = Array.from({ length: pageSize }, (_, account) => didOf(account, 1))
  return {
    relay: 'bench.invalid',
    async listRepos({ collection, cursor = '0' }) {
      const left = (sizes[collection] ?? 0) - Number(cursor) * pageSize
      if (left > pageSize) return { dids, cursor: String(Number(cursor) + 1) }
      return { dids: left === pageSize ? dids : dids.slice(0, left) }
    },
  }
}

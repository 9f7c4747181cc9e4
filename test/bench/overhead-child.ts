/** One run without a database, in a process of its own, so that its memory and its CPU time are the run's and nobody else's. */
import { readFileSync } from 'node:fs'
import {
  createBackfiller,
  type IndexSink,
  knownCollections,
  memoryProgressStore,
  type RepoLister,
  relayLister,
} from '../../src/index.ts'
import { didOf } from '../../src/testing/dids.ts'
import { parent } from './child.ts'

/** What a child runs. */
export interface OverheadOptions {
  readonly sizes: Readonly<Record<string, number>>
  readonly pageSize: number
  /** Absent: a lister that does nothing. */
  readonly relayUrl?: string | undefined
}

/** What came of it. */
export interface OverheadReport {
  readonly imported: number
  readonly pages: number
  readonly completed: number
  /** Of all its threads, in user and system, from the run's beginning to its end. */
  readonly cpuMicros: number
  /** The most memory that the process had, with Node itself. */
  readonly peakBytes: number
}

const idleSink: IndexSink = {
  add: async ({ dids }) => ({ added: dids.length }),
}

const { hear, say } = parent()
const options = await hear<OverheadOptions>()
if (options !== undefined) say(await measure(options))

async function measure({ sizes, pageSize, relayUrl }: OverheadOptions): Promise<OverheadReport> {
  const lister = relayUrl === undefined ? idleLister(sizes, pageSize) : relayLister(relayUrl, { pageSize })
  const known = Object.entries(sizes).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))
  const backfiller = createBackfiller({
    lister,
    sources: [knownCollections(known)],
    sink: idleSink,
    progress: memoryProgressStore(),
  })
  const before = process.cpuUsage()
  const { imported, pages, completed } = await backfiller.run()
  const { user, system } = process.cpuUsage(before)
  return { imported, pages, completed, cpuMicros: user + system, peakBytes: peakBytes() }
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
    source: 'bench.invalid',
    async listRepos({ collection, cursor = '0' }) {
      const left = (sizes[collection] ?? 0) - Number(cursor) * pageSize
      if (left > pageSize) return { dids, cursor: String(Number(cursor) + 1) }
      return { dids: left === pageSize ? dids : dids.slice(0, left) }
    },
  }
}

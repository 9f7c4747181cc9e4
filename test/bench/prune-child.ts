/** One prune in a process of its own, beside a live feed. */
import { readFileSync } from 'node:fs'
import type { OpenedStore } from '../../src/contracts/opened-store.ts'
import { type PruneSummary, prune, relayAccounts } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { didOf } from '../../src/testing/dids.ts'
import { parent } from './child.ts'

export interface PruneChildOptions {
  readonly kind: 'postgres' | 'sqlite'
  /** A URL, or a file. */
  readonly place: string
  readonly relay: string
  /** The collection that the live feed adds pairs to. */
  readonly fed: string
  /** Kill this process once that many pairs are removed. */
  readonly dieAfter: number | undefined
}

export interface PruneChildReport {
  readonly summary: PruneSummary
  readonly peakBytes: number
}

const { hear, say } = parent()
const options = await hear<PruneChildOptions>()
if (options !== undefined) await run(options)

async function run({
  kind,
  place,
  relay,
  fed,
  dieAfter = Number.POSITIVE_INFINITY,
}: PruneChildOptions): Promise<void> {
  const store: OpenedStore = await (kind === 'postgres' ? openPostgres(place) : openSqlite(place))
  const pruning = prune({ relay: relayAccounts(relay, { requestsPerSecond: 2_000 }), store })
  const report = () => ({ summary: pruning.summary, peakBytes: peakBytes() })
  let batches = 0
  for await (const { type } of pruning) {
    if (type !== 'removed') continue
    batches += 1
    // New accounts, which no list names yet.
    const added = [{ collection: fed, did: didOf(2 ** 30 + batches + process.pid * 1000, 1) }]
    await store.feed.apply({ feed: 'feed:bench', added })
    if (pruning.summary.removed < dieAfter) continue
    say(report())
    process.kill(process.pid, 'SIGKILL')
  }
  await store.close()
  say(report())
}

function peakBytes(): number {
  const { maxRSS } = process.resourceUsage()
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? maxRSS) * 1024
}

import {
  type Backfiller,
  type BackfillSummary,
  createBackfiller,
  IncompleteError,
} from 'atproto-collection-backfill'
import type { OpenStore } from 'atproto-collection-backfill/pglite'
import { plainLine, render } from './display.ts'
import { assertSameNetwork } from './folder.ts'
import { count, plural } from './format.ts'
import { summaryLines } from './summary.ts'
import type { Target } from './target.ts'
import { screenOf, showLive } from './terminal.ts'
import { type Tracker, trackProgress } from './tracker.ts'

/** How long a collection stays with a run that was killed, in milliseconds. */
const LEASE_MS = 10_000

/** What a run works with. */
export interface Parts {
  readonly target: Target
  readonly store: OpenStore
  readonly signal: AbortSignal
}

/** Runs the backfill with a live display. @returns whether every collection is complete */
export async function backfill({ target, store, signal }: Parts): Promise<boolean> {
  const { lister, network } = target
  const rows = await store.progress.list()
  if (network !== undefined) assertSameNetwork(rows, lister.source, network)
  const ours = rows.filter(({ source }) => source === lister.source)
  const tracker = trackProgress(ours, target.requests)
  const backfiller = createBackfiller({
    lister,
    sources: target.withObserved ? [...target.sources, store.observed] : target.sources,
    sink: store.sink,
    progress: store.progress,
    hooks: tracker.hooks,
    leaseMs: LEASE_MS,
    retry: { retries: 3, minDelayMs: 500, maxDelayMs: 10_000 },
    signal,
  })
  await announceResumption(backfiller)
  try {
    const run = await follow(backfiller, tracker)
    await conclude(backfiller, run)
    return true
  } catch (error) {
    if (signal.aborted) await sayHowFar(backfiller)
    signal.throwIfAborted()
    if (!(error instanceof IncompleteError)) throw error
    await conclude(backfiller)
    console.error(error.message)
    return false
  }
}

async function announceResumption(backfiller: Backfiller): Promise<void> {
  const { total, completed, imported } = await backfiller.status()
  if (total === 0) return
  console.log(
    `resuming: ${count(completed)} of ${plural(total, 'collection')} done, ${plural(imported, 'pair')}`,
  )
}

/** The loop over the page events, with the display kept up to date. */
async function follow(backfiller: Backfiller, tracker: Tracker): Promise<BackfillSummary> {
  const startedAt = performance.now()
  console.log('')
  const live = showLive({
    lines: (screen) => render(tracker.view(), screen),
    plain: () => plainLine(tracker.view(), performance.now() - startedAt),
  })
  try {
    for (;;) {
      const { done, value } = await backfiller.next()
      if (done) return value
      tracker.page(value)
      live.refresh()
    }
  } finally {
    live.stop()
  }
}

async function conclude(backfiller: Backfiller, run?: BackfillSummary): Promise<void> {
  console.log(summaryLines(await backfiller.status(), run, screenOf()).join('\n'))
}

async function sayHowFar(backfiller: Backfiller): Promise<void> {
  const { completed, total, imported } = await backfiller.status()
  if (total === 0) {
    console.log('Stopped before the collections were known.')
    return
  }
  console.log(
    `Stopped: ${count(completed)} of ${plural(total, 'collection')} done, ${plural(imported, 'pair')} in the index.`,
  )
  console.log('The next start resumes there.')
}

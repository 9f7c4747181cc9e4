import { sleep } from '../../src/util/abort.ts'
import type { Fleet } from './fleet.ts'
import type { Scene } from './run.ts'
import { PAGE_SIZE, PROFILE } from './work.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Enough that the one who takes a collection over is not at its end before the other has woken up. */
const PAGES = 100

/** So far must the other be, so that a page of the one who wakes up would put the cursor back. */
const PAGES_AHEAD = 2

/** Longer than any step takes on a busy machine. */
const PATIENCE_MS = 30_000
const POLL_MS = 20

/**
 * A worker that is stopped in the middle of a walk until another has taken it over and is ahead, and then wakes up. There
 * are more workers than they need for all collections, so that one of them is free to take what is let go.
 */
export const takeover: Scene = {
  collections: Object.fromEntries(
    [PROFILE, ...Array.from({ length: 4 }, (_, n) => `com.example.chaos.n${n}`)].map((nsid) => [
      nsid,
      PAGES * PAGE_SIZE,
    ]),
  ),
  async disturb({ fleet, figures, signal }) {
    const { pages, said } = fleet.figures
    const until = <T>(find: () => T | undefined) => poll(find, signal)
    const worker = await until(() => fleet.running().find((one) => walkedBy(one, fleet).size > 0))
    worker.pause()
    figures.pauses += 1
    const [walked, pausedAt] = [walkedBy(worker, fleet), pages.length]
    const takenOver = await until(() => {
      const byOthers = pages.slice(pausedAt).filter((page) => page.worker !== worker)
      const counts = Map.groupBy(byOthers, ({ collection }) => collection)
      return [...walked].find((collection) => (counts.get(collection)?.length ?? 0) >= PAGES_AHEAD)
    }).finally(() => worker.resume())
    const [lostBefore, wokenAt] = [said.get('claim lost') ?? 0, pages.length]
    // Without a fence, the worker goes on with the page that it was at.
    await until(() => {
      if ((said.get('claim lost') ?? 0) > lostBefore) return true
      return pages.slice(wokenAt).find((page) => page.worker === worker && page.collection === takenOver)
    })
  },
}

/** The collections of which a worker said a page last, and not the last page. */
function walkedBy(worker: WorkerProcess, { figures: { pages } }: Fleet): Set<string> {
  const last = new Map(pages.map((page) => [page.collection, page]))
  const walked = [...last.values()].filter((page) => page.worker === worker && page.cursor !== undefined)
  return new Set(walked.map(({ collection }) => collection))
}

async function poll<T>(find: () => T | undefined, signal: AbortSignal): Promise<T> {
  const end = performance.now() + PATIENCE_MS
  while (performance.now() < end) {
    const found = find()
    if (found !== undefined) return found
    await sleep(POLL_MS, signal)
  }
  throw new Error('What was waited for did not happen.')
}

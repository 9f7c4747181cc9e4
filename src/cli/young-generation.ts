import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * The size that V8's young generation may grow to, in bytes: two halves of 4 MiB. A page leaves half a megabyte of garbage, so
 * that is room for what is in flight. V8 itself takes 128 MiB where the machine has them, and fills them before it tidies up:
 * a run into a file of SQLite took 406 MB with them and 296 MB so, in the same CPU time.
 */
const MOST = 8 * 1024 * 1024

/**
 * Keeps the young generation small from the collection of garbage on that finds it large enough. Node has no other way to
 * set this for a process that runs already, and a command that users start with `npx` cannot be given a flag.
 */
export function boundYoungGeneration(): void {
  const observer = new PerformanceObserver(() => {
    const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    if (space !== undefined && space.space_size < MOST) return
    observer.disconnect()
    setFlagsFromString('--semi-space-growth-factor=1')
  })
  observer.observe({ entryTypes: ['gc'] })
}

/**
 * Has V8 collect the old generation when it has grown by two fifths since the last time, and not by what it thinks that there
 * is memory for. A run of 20 million pairs over HTTP into nothing took 194 MB at the most with the small young generation alone
 * and 138 MB so, in the same CPU time.
 */
export function boundOldGeneration(): void {
  setFlagsFromString('--heap-growing-percent=40')
}

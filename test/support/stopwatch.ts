const TICK_MS = 10

/**
 * Measures for how long this process waits, in milliseconds of a machine with nothing else to do: by how often its timer
 * goes off. On a busy machine, where everything takes longer, the timer goes off less often.
 */
export interface Stopwatch {
  /** Ends it. @returns the milliseconds since its start */
  stop(): number
}

export function startStopwatch(): Stopwatch {
  let ticks = 0
  const timer = setInterval(() => {
    ticks += 1
  }, TICK_MS)
  return {
    stop() {
      clearInterval(timer)
      return ticks * TICK_MS
    },
  }
}

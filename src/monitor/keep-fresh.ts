import type { Monitor } from './snapshot.ts'

/** How often is looked at what other workers do, in milliseconds. */
const REFRESH_MS = 10_000

/**
 * Shows what other workers do, until what it returns is called. A database that fails is the run's to tell of: it asks
 * all the time.
 */
export function keepFresh(monitor: Monitor, read: Parameters<Monitor['refresh']>[0]): () => void {
  let reading = false
  const timer = setInterval(async () => {
    if (reading) return
    reading = true
    await monitor.refresh(read).catch(() => {})
    reading = false
  }, REFRESH_MS)
  return () => clearInterval(timer)
}

import type { Monitor, MonitorSnapshot } from '../../monitor/snapshot.ts'
import type { WriteEvent } from './json-lines.ts'

/** How often how far it is is told, in milliseconds. */
const EVERY_MS = 10_000

/** Tells now and then how far the work over each relay is, as the display does for people. */
export interface ProgressLines {
  begin(): void
  /** Tells it once more, and ends. */
  end(): void
}

export function createProgressLines(
  relays: readonly { readonly relay: string; readonly monitor: Pick<Monitor, 'snapshot'> }[],
  write: WriteEvent,
): ProgressLines {
  let timer: ReturnType<typeof setInterval> | undefined
  const tell = () => {
    for (const { relay, monitor } of relays) write('progress', { relay, ...figuresOf(monitor.snapshot()) })
  }
  return {
    begin() {
      timer = setInterval(tell, EVERY_MS)
      timer.unref()
    },
    end() {
      if (timer === undefined) return
      clearInterval(timer)
      tell()
    },
  }
}

/** Milliseconds on the monitor's clock, which are written as the time of day. */
const MOMENTS: readonly string[] = ['startedAt', 'at', 'until', 'since']

/** What changes all the time; what happens has events of its own. */
function figuresOf(snapshot: MonitorSnapshot): object {
  const { at, walks, failures, failureCount, lastRetry, ...figures } = snapshot
  const text = JSON.stringify(figures, (name, value) =>
    MOMENTS.includes(name) && typeof value === 'number' ? new Date(value).toISOString() : value,
  )
  return JSON.parse(text)
}

import { vi } from 'vitest'

/** A `fetch` that notes when each request was let go, before a network or a busy machine can delay it. */
export interface WatchedFetch {
  readonly fetch: typeof globalThis.fetch
  /** The shortest time between two requests to these hosts, in milliseconds. */
  shortestGap(isOf: (hostname: string) => boolean): number
}

export function watchedFetch(fetch: typeof globalThis.fetch): WatchedFetch {
  const letGo: { readonly hostname: string; readonly at: number }[] = []
  return {
    fetch(input, init) {
      const { hostname } = new URL(input instanceof Request ? input.url : input)
      letGo.push({ hostname, at: performance.now() })
      return fetch(input, init)
    },
    shortestGap(isOf) {
      const times = letGo.filter(({ hostname }) => isOf(hostname)).map(({ at }) => at)
      return Math.min(...times.slice(1).map((at, i) => at - (times[i] ?? 0)))
    },
  }
}

/** Runs it on a clock that passes only while nothing else happens in this process: every timer is on time. */
export async function onSteadyClock<T>(run: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    let isOver = false
    const result = run().finally(() => {
      isOver = true
    })
    while (!isOver) await vi.advanceTimersByTimeAsync(1)
    return await result
  } finally {
    vi.useRealTimers()
  }
}

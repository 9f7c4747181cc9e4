import { createRate, createRateClock, type Rate, type RateClock } from '../http/pacing.ts'
import { type BoundedCache, boundedCache } from './bounded-cache.ts'

/** The rates of hosts, and of groups of hosts that share a limit. */
export interface HostRates {
  /**
   * All rates of one name have one clock: what asks a host in this process, crawls and runs over given repos alike, keeps
   * one pace together, and one pause.
   *
   * @param name of the host, or of the group
   * @param firstInMs how long until the first request, in milliseconds
   */
  of(name: string, requestsPerSecond: number, firstInMs?: number): Rate
}

type Fetch = typeof globalThis.fetch

/** How many hosts are kept that were not asked for a while: more than there are on the network. */
const MOST_KEPT = 10_000

/** By the `fetch` that reaches the hosts: another one may reach others by the same names. */
const clocksOf = new WeakMap<Fetch, BoundedCache<RateClock>>()

export function hostRates(fetch: Fetch = globalThis.fetch): HostRates {
  const clocks = clocksOf.get(fetch) ?? boundedCache<RateClock>(MOST_KEPT)
  clocksOf.set(fetch, clocks)
  return {
    of(name, requestsPerSecond, firstInMs) {
      const clock = clocks.get(name) ?? createRateClock()
      clocks.set(name, clock)
      return createRate(requestsPerSecond, firstInMs, clock)
    },
  }
}

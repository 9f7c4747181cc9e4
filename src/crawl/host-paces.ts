import type { RelayPause } from '../contracts/repo-lister.ts'
import { createPacingAt, type Pacing, type Rate } from '../http/pacing.ts'
import { boundedCache } from './bounded-cache.ts'
import type { HostRates } from './host-rates.ts'
import type { HostGroup } from './shared-limits.ts'

interface HostPaceParts {
  readonly requestsPerSecond: number
  readonly groups: readonly HostGroup[]
  readonly rates: HostRates
  onPause(host: string, waitMs: number, error: unknown): void
}

/** The paces of many hosts, and of the groups that share a limit. */
export interface HostPaces {
  /** @param origin of the host */
  of(host: string, origin: string): Pacing['run']
}

/** How many hosts are kept that were not asked for a while: more than there are on the network. */
const MOST_KEPT = 10_000

export function hostPaces(
  { requestsPerSecond, groups, rates, onPause }: HostPaceParts,
  signal: AbortSignal,
): HostPaces {
  const shared = groups.map((group) => ({ group, rate: rates.of(group.hosts, group.requestsPerSecond) }))
  const paces = boundedCache<Pacing['run']>(MOST_KEPT)

  function create(host: string, origin: string): Pacing['run'] {
    const url = new URL(origin)
    const groupRates: Rate[] = shared.filter(({ group }) => group.matches(url)).map(({ rate }) => rate)
    const pacing = createPacingAt(host, [rates.of(host, requestsPerSecond), ...groupRates])
    const tell = ({ waitMs, error }: RelayPause) => {
      if (!signal.aborted) onPause(host, waitMs, error)
    }
    // Not the run's signal: each host that was ever asked would stay with it.
    pacing.onPause(tell, new AbortController().signal)
    return pacing.run
  }

  return {
    of(host, origin) {
      const pace = paces.get(host) ?? create(host, origin)
      paces.set(host, pace)
      return pace
    },
  }
}

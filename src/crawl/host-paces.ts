import { createPacingAt, type Pacing, type Rate } from '../http/pacing.ts'
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
  const paces = new Map<string, Pacing['run']>()

  function create(host: string, origin: string): Pacing['run'] {
    const url = new URL(origin)
    const groupRates: Rate[] = shared.filter(({ group }) => group.matches(url)).map(({ rate }) => rate)
    const pacing = createPacingAt(host, [rates.of(host, requestsPerSecond), ...groupRates])
    pacing.onPause(({ waitMs, error }) => onPause(host, waitMs, error), signal)
    return pacing.run
  }

  return {
    of(host, origin) {
      const known = paces.get(host)
      const pace = known ?? create(host, origin)
      // The one that was asked the longest time ago is forgotten: by then nothing of it is under way.
      paces.delete(host)
      paces.set(host, pace)
      const [oldest] = paces.size > MOST_KEPT ? paces.keys() : []
      if (oldest !== undefined) paces.delete(oldest)
      return pace
    },
  }
}

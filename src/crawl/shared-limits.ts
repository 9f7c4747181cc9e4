import { InvalidOptionError } from '../errors.ts'
import { checkRate } from '../http/pacing.ts'
import { hostPattern } from './host-address.ts'

/** Hosts that share a limit. */
export interface SharedLimit {
  /** Which they are: `*.host.bsky.network`. */
  hosts: string
  /** The most requests to all of them together that begin in a second. */
  requestsPerSecond: number
}

/** A group of hosts that share a limit. */
export interface HostGroup extends SharedLimit {
  matches(url: URL): boolean
}

/** The limit of bsky.network's own hosts, over all of them. */
const SHARED_BY_DEFAULT: readonly SharedLimit[] = [{ hosts: '*.host.bsky.network', requestsPerSecond: 10 }]

/** @throws InvalidOptionError */
export function hostGroups(limits: readonly SharedLimit[] = SHARED_BY_DEFAULT): readonly HostGroup[] {
  if (!Array.isArray(limits)) throw new InvalidOptionError('sharedLimits', 'a list', limits)
  return limits.map((limit: SharedLimit) => {
    const { hosts } = limit
    if (typeof hosts !== 'string' || !hosts.includes('*'))
      throw new InvalidOptionError(
        'sharedLimits',
        'a list of { hosts, requestsPerSecond } with hosts such as *.example',
        limit,
      )
    const requestsPerSecond = checkRate('sharedLimits', limit.requestsPerSecond)
    return { hosts, requestsPerSecond, matches: hostPattern('sharedLimits', hosts) }
  })
}

/** The group of a host that shares a limit with others. */
export function groupOf(origin: string, groups: readonly HostGroup[]): HostGroup | undefined {
  const url = new URL(origin)
  return groups.find(({ matches }) => matches(url))
}

import type { KnownHost } from '../contracts/host-source.ts'
import { type HostAddress, hostPattern, hostReader, type ReadHost, type RefusedHost } from './host-address.ts'

/** Hosts that a relay imports far faster than they can be crawled: their limit is ten requests a second for all of them. */
export const DENIED_BY_DEFAULT: readonly string[] = ['*.host.bsky.network']

/** What a relay says of hosts that it lists and that are not to be asked. */
const REFUSED_STATUSES: Readonly<Record<string, string>> = {
  banned: 'is banned by the relay that lists it',
  offline: 'is offline for the relay that lists it',
}

/** Which hosts are crawled. */
export interface HostRules {
  /** A host that a source or a row of an earlier run names. */
  judge(known: KnownHost, relay?: string | undefined): HostAddress | RefusedHost
  /** Reads a host as it is named in a document of a DID. */
  readonly read: ReadHost
  /** Whether a host that was judged may be reached at public addresses alone: a stranger named it. */
  isGuarded(hostname: string): boolean
}

export interface HostRuleOptions {
  readonly allowHosts: readonly string[]
  readonly denyHosts: readonly string[]
  /** Those that were given by name, which stand for themselves. */
  readonly named: readonly string[]
}

/** @throws InvalidOptionError */
export function createHostRules({ allowHosts, denyHosts, named }: HostRuleOptions): HostRules {
  const readHost = hostReader({ allowHosts })
  const allowed = allowHosts.map((given) => hostPattern('allowHosts', given))
  const denied = denyHosts.map((given) => hostPattern('denyHosts', given))
  const meant = new Set(named.map((given) => nameOf(readHost(given))))
  const guarded = new Set<string>()
  return {
    read: readHost,
    isGuarded: (hostname) => guarded.has(hostname),
    judge({ host: given, status = 'active' }, relay) {
      const address = readHost(given)
      if ('problem' in address) return address
      const url = new URL(address.origin)
      if (address.host === relay) return { problem: 'is the relay whose list names it' }
      if (allowed.some((matches) => matches(url))) return address
      guarded.add(url.hostname)
      if (meant.has(address.host)) return address
      if (denied.some((matches) => matches(url)))
        return { problem: 'is on the list of hosts that are not crawled (denyHosts)' }
      const refused = Object.hasOwn(REFUSED_STATUSES, status) ? REFUSED_STATUSES[status] : undefined
      return refused === undefined ? address : { problem: refused }
    },
  }
}

function nameOf(read: HostAddress | RefusedHost): string | undefined {
  return 'problem' in read ? undefined : read.host
}

import { InvalidOptionError } from '../../errors.ts'
import { checkNumber } from '../contents.ts'
import type { HostGroup } from './network-options.ts'

/** What of a host's behaviour may change while the network runs. */
export type HostChange = Pick<HostGroup, 'down' | 'latencyMs' | 'limit'>

/** One host of a network. */
export interface NetworkHost {
  /** Its place among all hosts, from 0. */
  readonly place: number
  readonly name: string
  readonly group: HostGroup
  /** How many repos it was generated with. */
  readonly repos: number
  /** As it is at the moment. */
  readonly behaviour: HostChange
}

/** The hosts of a network, in the order of their groups. */
export interface NetworkHosts {
  readonly all: readonly NetworkHost[]
  named(name: string): NetworkHost | undefined
  /** The one that has this address of its own. */
  atAddress(address: string): NetworkHost | undefined
  /** Where a host is reached, as DID documents name it. */
  endpointOf(host: string): string
}

/** @param port where each host has an address of its own: the port that all of them share */
export function createHosts(groups: readonly HostGroup[], port: number | undefined): NetworkHosts {
  const all: NetworkHost[] = []
  for (const group of groups) {
    const { count = 1, repos = 0 } = group
    checkNumber(`the count of ${group.name}`, 'a positive integer', count, 1, 2 ** 23)
    for (let i = 0; i < count; i += 1) {
      const size = typeof repos === 'function' ? repos(i) : repos
      checkNumber(`the repos of ${group.name}`, 'a number of repos', size, 0, 2 ** 31)
      const place = all.length
      const name = port === undefined ? nameOf(group, count, i) : `${addressOf(place)}:${port}`
      const { down, latencyMs, limit } = group
      all.push({ place, name, group, repos: size, behaviour: { down, latencyMs, limit } })
    }
  }
  const byName = new Map(all.map((host) => [host.name, host]))
  if (byName.size < all.length)
    throw new InvalidOptionError('hosts', 'groups whose hosts have different names', groups)
  return {
    all,
    named: (name) => byName.get(name),
    atAddress: (address) => byName.get(`${address}:${port}`),
    endpointOf: (host) => (port === undefined ? `https://${host}` : `http://${host}`),
  }
}

function nameOf({ name }: HostGroup, count: number, i: number): string {
  if (count > 1 && !name.includes('#'))
    throw new InvalidOptionError('hosts', 'named with a # where there are several of them', name)
  return name.replace('#', String(i + 1))
}

/** Behind 127.0.0.1, by which the network's relay is reached. */
function addressOf(place: number): string {
  return `127.${1 + (place >> 16)}.${(place >> 8) & 255}.${place & 255}`
}

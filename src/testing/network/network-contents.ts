import { InvalidOptionError } from '../../errors.ts'
import { type Accounts, createAccounts, isActive } from './accounts.ts'
import { createHosts, type NetworkHost, type NetworkHosts } from './hosts.ts'
import type { NetworkAccount, TestNetworkOptions } from './network-options.ts'

/** Everything that a network holds. */
export interface NetworkContents {
  readonly hosts: NetworkHosts
  readonly accounts: Accounts
  /** A host of the network. @throws InvalidOptionError */
  hostNamed(name: string): NetworkHost
  /** The accounts of a host, or of all hosts. */
  accountsOf(host?: string): Iterable<NetworkAccount>
  /** The active accounts that have a collection. */
  didsOf(collection: string, host?: string): Iterable<string>
}

/** @param port where each host has an address of its own: the port that all of them share */
export function networkContents(options: TestNetworkOptions, port: number | undefined): NetworkContents {
  const hosts = createHosts(options.hosts, port)
  const names = hosts.all.map(({ name }) => name)
  const accounts = createAccounts({ names, sizes: hosts.all.map(({ repos }) => repos) }, options)

  function hostNamed(name: string): NetworkHost {
    const host = hosts.named(name)
    if (host === undefined) throw new InvalidOptionError('host', 'one of the network', name)
    return host
  }

  function* everyAccount(name?: string): Generator<NetworkAccount> {
    for (const { place, name: host } of name === undefined ? hosts.all : [hostNamed(name)]) {
      for (let from: number | undefined = 0; from !== undefined; ) {
        const page = accounts.ofHost(place, from, 1000)
        // One that has moved is listed by its new host.
        yield* page.accounts.filter(({ did }) => accounts.find(did)?.host === host)
        from = page.next
      }
    }
  }

  function* everyDid(collection: string, host?: string): Generator<string> {
    for (const { did, state, collections } of everyAccount(host))
      if (isActive(state) && collections.includes(collection)) yield did
  }

  return {
    hosts,
    accounts,
    hostNamed,
    accountsOf: (host) => ({ [Symbol.iterator]: () => everyAccount(host) }),
    didsOf: (collection, host) => ({ [Symbol.iterator]: () => everyDid(collection, host) }),
  }
}

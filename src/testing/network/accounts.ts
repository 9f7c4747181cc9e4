import { InvalidOptionError } from '../../errors.ts'
import { keyOf, shuffled } from '../dids.ts'
import {
  type GeneratedAccounts,
  generatedAccounts,
  type HostSizes,
  type LazyAccount,
  lotOf,
} from './generated-accounts.ts'
import type { AccountState, GivenAccount, NetworkAccount, TestNetworkOptions } from './network-options.ts'

/** A page of accounts, and where the next one begins. */
interface AccountPage {
  readonly accounts: readonly NetworkAccount[]
  readonly next: number | undefined
}

/** The accounts of a network: computed from their number while they are asked for, but for those that were given. */
export interface Accounts {
  /** Nothing for a DID that the network does not have. */
  find(did: string): NetworkAccount | undefined
  /** An account by its parts, for what is asked of {@link Accounts.all}. */
  lazily(account: NetworkAccount): LazyAccount
  /** Whether an account was at a host and is at another one now. */
  hasLeft(did: string, host: string): boolean
  /** Those of one host, in its order, from a place on; an account that moved away is deactivated there. */
  ofHost(host: number, from: number, limit: number): AccountPage
  /** Those of the network that pass, in the relay's order, from a place on. */
  all(from: number, limit: number, passes: (account: LazyAccount) => boolean): AccountPage
  /** Adds an account, or puts it in the place of the one that has its DID. */
  set(account: GivenAccount): void
  /** From now on the host lists its repos in another order. */
  reorder(host: number): void
}

export function createAccounts(hosts: HostSizes, options: Omit<TestNetworkOptions, 'hosts'>): Accounts {
  const generated = generatedAccounts(hosts, options)
  const given = givenAccounts(hosts.names, generated)
  const orders = new Map<number, number>()

  /** The generated account of a number as it is now. */
  function at(number: number): NetworkAccount {
    const changed = given.size() > 0 ? given.get(generated.didAt(number)) : undefined
    return changed ?? generated.whole(number)
  }

  function lazilyAt(number: number): LazyAccount {
    const account = generated.at(number)
    const changed = given.size() > 0 ? given.get(account.did) : undefined
    return changed === undefined ? account : { ...lazily(changed), lot: account.lot }
  }

  /** The place of a host's account among the generated ones, in the host's order. */
  function orderOf(host: number): (index: number) => number {
    const size = hosts.sizes[host] ?? 0
    const order = orders.get(host)
    return order === undefined || size < 2 ? (index) => index : shuffled(size, keyOf(`host ${host}`, order))
  }

  const accounts: Accounts = {
    find(did) {
      const number = given.get(did) === undefined ? generated.numberOf(did) : undefined
      return number === undefined ? given.get(did) : generated.whole(number)
    },
    lazily(account) {
      const number = generated.numberOf(account.did)
      return number === undefined ? lazily(account) : lazilyAt(number)
    },
    hasLeft(did, host) {
      const number = generated.numberOf(did)
      const wasThere = number !== undefined && generated.at(number).host === host
      return wasThere || given.guestsOf(host).includes(did)
    },
    ofHost(host, from, limit) {
      const [base, order, name] = [generated.baseOf(host), orderOf(host), hosts.names[host] ?? '']
      const size = hosts.sizes[host] ?? 0
      const guests = given.guestsOf(name)
      return filled(from, size + guests.length, limit, (index) => {
        const account = index < size ? at(base + order(index)) : given.get(guests[index - size] ?? '')
        if (account === undefined || isGone(account.state)) return undefined
        return account.host === name ? account : { ...account, host: name, state: 'deactivated' }
      })
    },
    all(from, limit, passes) {
      const { count } = generated
      return filled(from, count + given.newcomers.length, limit, (index) => {
        const newcomer = index < count ? undefined : given.get(given.newcomers[index - count] ?? '')
        if (!passes(newcomer === undefined ? lazilyAt(index) : lazily(newcomer))) return undefined
        return newcomer ?? at(index)
      })
    },
    set: given.set,
    reorder: (host) => orders.set(host, (orders.get(host) ?? 0) + 1),
  }
  for (const account of options.accounts ?? []) accounts.set(account)
  return accounts
}

interface GivenAccounts {
  size(): number
  get(did: string): NetworkAccount | undefined
  set(account: GivenAccount): void
  /** Those that are or were at a host without being generated there, in the order in which they came. */
  guestsOf(host: string): readonly string[]
  /** Those that were not generated, in the relay's order. */
  readonly newcomers: readonly string[]
}

function givenAccounts(names: readonly string[], generated: GeneratedAccounts): GivenAccounts {
  const accounts = new Map<string, NetworkAccount>()
  const guests = new Map<string, string[]>(names.map((name) => [name, []]))
  const newcomers: string[] = []
  return {
    newcomers,
    size: () => accounts.size,
    get: (did) => accounts.get(did),
    guestsOf: (host) => guests.get(host) ?? [],
    set({ did, host, state = 'active', collections = [] }) {
      const visitors = guests.get(host)
      if (visitors === undefined) throw new InvalidOptionError('host', 'one of the network', host)
      const number = generated.numberOf(did)
      if (number === undefined && !accounts.has(did)) newcomers.push(did)
      accounts.set(did, { did, host, state, collections })
      // A host lists those that were generated there by themselves.
      const isAtHome = number !== undefined && generated.at(number).host === host
      if (!isAtHome && !visitors.includes(did)) visitors.push(did)
    },
  }
}

/** Whether a host has nothing of it any more. */
export function isGone(state: AccountState): boolean {
  return state === 'deleted' || state === 'tombstoned'
}

/** Whether it is served. A relay that has trouble to follow an account serves it nevertheless. */
export function isActive(state: AccountState): boolean {
  return state === 'active' || state === 'desynchronized' || state === 'throttled'
}

function lazily({ did, host, state, collections }: NetworkAccount): LazyAccount {
  return { did, host, state, lot: lotOf(keyOf(did, 1), 1), has: (nsid) => collections.includes(nsid) }
}

/** Up to `limit` of what `pick` gives for the places from `from` to `end`. */
function filled(
  from: number,
  end: number,
  limit: number,
  pick: (place: number) => NetworkAccount | undefined,
): AccountPage {
  const accounts: NetworkAccount[] = []
  let place = from
  for (; place < end && accounts.length < limit; place += 1) {
    const account = pick(place)
    if (account !== undefined) accounts.push(account)
  }
  return { accounts, next: accounts.length === limit ? place : undefined }
}

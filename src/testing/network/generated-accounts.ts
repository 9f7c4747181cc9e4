import { checkNumber } from '../contents.ts'
import { accountOf, didOf, keyOf, mix } from '../dids.ts'
import type { AccountState, NetworkAccount, TestNetworkOptions } from './network-options.ts'

/** The hosts of a network: their names, and how many repos each was generated with. */
export interface HostSizes {
  readonly names: readonly string[]
  readonly sizes: readonly number[]
}

/** An account whose parts are computed only where they are asked for. */
export interface LazyAccount {
  readonly did: string
  readonly host: string
  readonly state: AccountState
  /** A number of its own from 0 to 1, the same at each look. */
  readonly lot: number
  has(collection: string): boolean
}

/** The accounts that follow from the seed: one for each number below `count`, host after host. */
export interface GeneratedAccounts {
  readonly count: number
  /** The number of a host's first account. */
  baseOf(host: number): number
  /** Nothing for a DID that was not generated. */
  numberOf(did: string): number | undefined
  didAt(number: number): string
  at(number: number): LazyAccount
  /** With everything of it. */
  whole(number: number): NetworkAccount
}

const DEFAULT_COLLECTIONS = {
  'app.bsky.actor.profile': 0.9,
  'app.bsky.feed.post': 0.6,
  'com.whtwnd.blog.entry': 0.02,
}

export function generatedAccounts(
  { names, sizes }: HostSizes,
  { seed = 1, collections = DEFAULT_COLLECTIONS, states = {} }: Omit<TestNetworkOptions, 'hosts'>,
): GeneratedAccounts {
  checkNumber('seed', 'an integer from 0 to 2^32 - 1', seed, 0, 2 ** 32 - 1)
  const didKey = mix(seed + 1)
  const lotKey = keyOf('lot', seed)
  const stateAt = drawnFrom(Object.entries(states) as [AccountState, number][], keyOf('state', seed))
  const shares = Object.entries(collections).map(([nsid, share]) => ({ nsid, share, key: keyOf(nsid, seed) }))
  const shareOf = new Map(shares.map((share) => [share.nsid, share]))
  const bases = basesOf(sizes)
  const count = bases.at(-1) ?? 0
  const hostAt = (number: number) => names[placeIn(bases, number)] ?? ''

  return {
    count,
    baseOf: (host) => bases[host] ?? count,
    numberOf(did) {
      const number = accountOf(did, didKey)
      return number !== undefined && number < count ? number : undefined
    },
    didAt: (number) => didOf(number, didKey),
    at: (number) => ({
      did: didOf(number, didKey),
      lot: lotOf(number, lotKey),
      get host() {
        return hostAt(number)
      },
      get state() {
        return stateAt(number)
      },
      has(nsid) {
        const entry = shareOf.get(nsid)
        return entry !== undefined && lotOf(number, entry.key) < entry.share
      },
    }),
    whole(number) {
      const held = shares.filter(({ key, share }) => lotOf(number, key) < share).map(({ nsid }) => nsid)
      return { did: didOf(number, didKey), host: hostAt(number), state: stateAt(number), collections: held }
    },
  }
}

/** A number from 0 to 1 for an account. */
export function lotOf(number: number, key: number): number {
  return (mix(mix(number) ^ key) >>> 0) / 2 ** 32
}

function drawnFrom(shares: readonly [AccountState, number][], key: number): (number: number) => AccountState {
  return (number) => {
    let left = shares.length === 0 ? 1 : lotOf(number, key)
    for (const [state, share] of shares) {
      left -= share
      if (left < 0) return state
    }
    return 'active'
  }
}

/** Where each host's accounts begin, and the number of all at the end. */
function basesOf(sizes: readonly number[]): readonly number[] {
  const bases = [0]
  for (const size of sizes) bases.push((bases.at(-1) ?? 0) + size)
  return bases
}

/** The place of the last base that is not over the number. */
function placeIn(bases: readonly number[], number: number): number {
  let [low, high] = [0, bases.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((bases[middle] ?? 0) <= number) low = middle
    else high = middle - 1
  }
  return low
}

import type { Fault } from '../relay-script.ts'

/** What a test network holds, and how its hosts behave. */
export interface TestNetworkOptions {
  /** The hosts, by groups that behave alike. */
  hosts: readonly HostGroup[]
  /**
   * The collections, each with the share of repos that have it, from 0 to 1. Which repos these are follows from the
   * seed.
   *
   * @default app.bsky.actor.profile 0.9, app.bsky.feed.post 0.6, com.whtwnd.blog.entry 0.02
   */
  collections?: Readonly<Record<string, number>> | undefined
  /** The share of accounts in each state, from 0 to 1 together; all others are active. @default {} */
  states?: Readonly<Partial<Record<InactiveState, number>>> | undefined
  /** Accounts beside those that are generated, each with what it holds. @default [] */
  accounts?: readonly GivenAccount[] | undefined
  /** The relay's half. @default a relay that knows everything */
  relay?: RelayHalf | undefined
  /** What DIDs, states, collections and orders follow from: 0 to 2^32 - 1. @default 1 */
  seed?: number | undefined
  /** @default 0, any free one */
  port?: number | undefined
  /** The largest page of `listRepos` and `listHosts`. @default 1000 */
  maxLimit?: number | undefined
  /**
   * Whether each host has an address of its own, of the form 127.x.y.z, by which other processes reach it without
   * {@link networkFetch}: its name is then that address with the port. It needs a system that takes the whole of
   * 127.0.0.0/8 as its own, as Linux does; a connection from elsewhere is cut at once. @default false
   */
  addresses?: boolean | undefined
  /** What goes wrong, request by request, beside what the groups say. @default nothing */
  script?: NetworkScript | undefined
}

/** Hosts that behave alike. */
export interface HostGroup {
  /** Their name; with a `count`, `#` in it is the number of each, from 1: `pds-#.example.net`. */
  name: string
  /** How many there are. @default 1 */
  count?: number | undefined
  /** How many repos each has: a number, or a function of its place in the group, from 0. @default 0 */
  repos?: number | ((place: number) => number) | undefined
  /** How long each answer takes, in milliseconds. @default 0 */
  latencyMs?: number | ((request: HostRequest) => number) | undefined
  /** The most requests that a host takes; beyond them it answers 429. @default no limit */
  limit?: HostLimit | undefined
  /** Whether connections break before an answer, or the status that a proxy answers for a dead host. @default false */
  down?: boolean | number | undefined
  /** Whether it is a relay that passes for a host: it lists the whole network, and describes no repo. @default false */
  relay?: boolean | undefined
}

/** A limit over fixed spans of time, for each host or for a whole group. */
export interface HostLimit {
  requests: number
  /** The span of time, in milliseconds. */
  windowMs: number
  /** Whether all hosts of the group share it, as those of `*.host.bsky.network` do. @default false */
  shared?: boolean | undefined
  /** Whether the refusal says how long to wait (`Retry-After`, `RateLimit-Reset`). @default false: plain HTML alone */
  headers?: boolean | undefined
}

/** Why an account is not active. A `tombstoned` one is deleted, and its DID document is gone, too. */
export type InactiveState =
  | 'deactivated'
  | 'suspended'
  | 'takendown'
  | 'deleted'
  | 'tombstoned'
  | 'desynchronized'
  | 'throttled'

/** The state of an account. A host knows nothing of `desynchronized` and `throttled`: there it is active. */
export type AccountState = 'active' | InactiveState

/** An account of a test network, as it is. */
export interface NetworkAccount {
  readonly did: string
  /** The name of its host. */
  readonly host: string
  readonly state: AccountState
  readonly collections: readonly string[]
}

/** An account with its own contents. */
export interface GivenAccount {
  did: string
  /** The name of its host. */
  host: string
  /** @default 'active' */
  state?: AccountState | undefined
  /** As the host gives them, valid or not. @default [] */
  collections?: readonly string[] | undefined
}

/** What the relay knows, and how it lists it. May be changed while it runs: {@link TestNetwork.relay}. */
export interface RelayHalf {
  /** Whether it knows a host: lists it, and its repos. @default all */
  knows?: ((host: string) => boolean) | undefined
  /**
   * Which accounts `listReposByCollection` names: the active ones; all, ghosts of the others among them; or all, with
   * `active` and `status` of each. @default 'active'
   */
  lists?: 'active' | 'all' | 'marked' | undefined
  /** The share of accounts that `listRepos` lacks by accident, though the relay knows them. @default 0 */
  lacks?: number | undefined
  /** Whether `getRepoStatus` does not know them either. @default false */
  forgets?: boolean | undefined
  /** How long each answer takes, in milliseconds. @default 0 */
  latencyMs?: number | undefined
}

/** One request that a test network received. */
export interface HostRequest {
  /** Which request it was of all, from 1. */
  readonly n: number
  /** The name of the host; `relay` for the network's relay, `plc` for its directory of DIDs. */
  readonly host: string
  /** The {@link HostGroup.name} of its group; that of the host where it is none of the network's. */
  readonly group: string
  /** `/xrpc/com.atproto.sync.listRepos`, `/.well-known/did.json`, `/did:plc:…`. */
  readonly path: string
  /** `did` or `repo`, as it was asked for; the DID of a document. */
  readonly did: string | undefined
  readonly collection: string | undefined
  readonly cursor: string | undefined
  readonly limit: number
  /** When it arrived, in milliseconds of `performance.now()`. */
  readonly at: number
}

/** As {@link RelayScript}, for a network: asked for every request that the host's limit lets through. */
export type NetworkScript = (request: HostRequest) => Fault | undefined | Promise<Fault | undefined>

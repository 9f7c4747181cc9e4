import type { FilterOptions } from '../../sources/collection-filter.ts'
import type { PaceOptions, RelayOptions, RequestOptions } from '../command-options.ts'
import type { SourceOptions } from '../source-options.ts'

export interface ServeOptions
  extends RelayOptions,
    SourceOptions,
    FilterOptions,
    RequestOptions,
    PaceOptions {
  readonly port?: number
  /** The address to listen on. */
  readonly listen?: string
  readonly metricsPort?: number
  readonly adminToken?: string
  /** Whose feed is followed: a relay, or a Jetstream. False: none is. */
  readonly feed?: string | false
  /** The directory of DIDs that is asked for the hosts of repos to look up. */
  readonly plc?: string
  /** Hosts that may be asked though they are no public ones. */
  readonly allow?: readonly string[]
  /** False: no backlog is imported. */
  readonly backlog?: boolean
  /** How long after one prune the next one begins, in milliseconds. False: nothing is pruned. */
  readonly prune?: number | false
  /** As for `xrpcHandler`. */
  readonly maxLimit?: number
  readonly severalCollections?: boolean
  readonly json?: boolean
}

/** The port that collectiondir listens to. */
export const SERVE_PORT = 2510

/** How old the backlog becomes before it is read again, in milliseconds: a week. */
export const REFRESH_MS: number = 7 * 24 * 3_600_000

/** How long after one prune the next one begins, in milliseconds: a week, for it asks for every account of a relay. */
export const PRUNE_MS: number = 7 * 24 * 3_600_000

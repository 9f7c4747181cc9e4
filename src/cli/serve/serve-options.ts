import type { PaceOptions, RelayOptions, RequestOptions } from '../command-options.ts'
import type { SourceOptions } from '../source-options.ts'

export interface ServeOptions extends RelayOptions, SourceOptions, RequestOptions, PaceOptions {
  readonly port?: number
  readonly host?: string
  readonly metricsPort?: number
  readonly adminToken?: string
  readonly firehose?: string
  readonly jetstream?: string
  /** False: no feed is followed. */
  readonly feed?: boolean
  /** False: no backlog is imported. */
  readonly backlog?: boolean
  /** How long after one prune the next one begins, in milliseconds. False: nothing is pruned. */
  readonly prune?: number | false
  readonly json?: boolean
}

/** The port that collectiondir listens to. */
export const SERVE_PORT = 2510

/** How old the backlog becomes before it is read again, in milliseconds: a week. */
export const REFRESH_MS: number = 7 * 24 * 3_600_000

/** How long after one prune the next one begins, in milliseconds: a week, for it asks for every account of a relay. */
export const PRUNE_MS: number = 7 * 24 * 3_600_000

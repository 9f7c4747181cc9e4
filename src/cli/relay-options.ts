import type { RepoLister } from '../contracts/repo-lister.ts'
import { createMonitor } from '../monitor/monitor.ts'
import type { Monitor } from '../monitor/snapshot.ts'
import { relayLister } from '../relay/relay-lister.ts'
import type { RelayOptions, RequestOptions } from './command-options.ts'
import { UsageError } from './usage-error.ts'

/** A relay that a command walks. */
export interface Relay {
  /** As it was given. */
  readonly address: string
  /** {@link RepoLister.relay} */
  readonly relay: string
  readonly lister: RepoLister
  /** What is known of the walk. */
  readonly monitor: Monitor
}

/**
 * The relays that are asked for, each with its own pace.
 *
 * @throws UsageError without any
 */
export function relaysOf({
  relay = [],
  pageSize,
  requestsPerSecond,
  checkCollection,
  check = true,
}: RelayOptions & RequestOptions): Relay[] {
  if (relay.length === 0) {
    throw new UsageError(
      'Which relay? Give --relay HOST or set RELAY, for example relay1.us-east.bsky.network.',
    )
  }
  return relay.map((address) => {
    const options = { pageSize, requestsPerSecond, checkCollection: check ? checkCollection : false } as const
    const lister = relayLister(address, options)
    const monitor = createMonitor({ relay: lister.relay })
    return { address, relay: lister.relay, lister, monitor }
  })
}

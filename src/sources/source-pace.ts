import type { PacedRelay } from '../contracts/paced-relay.ts'
import { createPacing, type Pacing } from '../http/pacing.ts'
import { relayUrl } from '../http/server-url.ts'

/** How a source makes its requests in one reading, given the relays of the run that reads it. */
export type SourcePace = (relays: readonly PacedRelay[] | undefined) => Pacing['run']

/**
 * The pace of a source: that of the run's relay on the same server, whose waits hold for both, and otherwise its own.
 *
 * @param url any address on the source's server
 */
export function sourcePace(url: URL): SourcePace {
  const own = createPacing(url.host)
  const { relay } = relayUrl(url.origin)
  return (relays = []) => {
    const lister = relays.find((given) => given.relay === relay)
    return lister?.paced?.bind(lister) ?? own.run
  }
}

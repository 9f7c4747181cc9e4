import {
  type CollectionSource,
  knownCollections,
  lexiconGarden,
  type RepoLister,
  relayLister,
} from 'atproto-collection-backfill'
import type { Network } from './network.ts'
import type { DemoOptions } from './options.ts'
import type { BundledRelay } from './relay.ts'

/** What is walked: a relay, and where its collections are known. */
export interface Target {
  readonly lister: RepoLister
  readonly sources: readonly CollectionSource[]
  /** Whether the collections that the index knows already are walked too. */
  readonly withObserved: boolean
  /** What the bundled relay holds. */
  readonly network: Network | undefined
  /** How many requests the relay was sent. */
  requests(): number
}

export function targetOf(options: DemoOptions, bundled: BundledRelay | undefined): Target {
  let requests = 0
  const countingFetch: typeof fetch = (...request) => {
    requests += 1
    return fetch(...request)
  }
  return {
    lister: relayLister(bundled?.relay.url ?? options.relay ?? '', { fetch: countingFetch }),
    sources: sourcesOf(options, bundled),
    withObserved: options.collections.length === 0,
    network: bundled?.network,
    requests: () => requests,
  }
}

function sourcesOf({ collections }: DemoOptions, bundled: BundledRelay | undefined): CollectionSource[] {
  if (collections.length > 0) return [knownCollections(collections)]
  if (bundled === undefined) return [lexiconGarden()]
  const { relay, network } = bundled
  const sized = Object.entries(network.sizes).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))
  return [lexiconGarden({ url: relay.gardenUrl }), knownCollections(sized)]
}

import type { RepoLister } from '../contracts/repo-lister.ts'
import { type RelayListParts, relayPages } from './lists.ts'

/** What one of several relays lists of a collection. */
export interface RelaySide {
  readonly relay: string
  /** Repos that it lists, each once. */
  readonly listed: number
  /** Repos that no other of the relays lists. */
  readonly only: number
  /** A few of these. */
  readonly samples: readonly string[]
}

export interface ComparedRelays {
  /** Repos that one of the relays lists at least. */
  readonly union: number
  /** Repos that all of them list. */
  readonly all: number
  /** In the order in which the relays were given. */
  readonly relays: readonly RelaySide[]
}

/** One relay's list could not be read to its end. */
export class RelayListError extends Error {
  readonly relay: string

  constructor(relay: string, cause: unknown) {
    super(`The list of ${relay} could not be read.`, { cause })
    this.relay = relay
  }
}

/** The pages of one relay, as {@link relayPages} has them. @throws RelayListError, so that it is known whose fault it is */
export async function* pagesOfSide(
  lister: RepoLister,
  collection: string,
  parts: RelayListParts,
): AsyncGenerator<readonly string[], void, void> {
  try {
    yield* relayPages(collection, { ...parts, listers: [lister] })
  } catch (error) {
    throw new RelayListError(lister.relay, error)
  }
}

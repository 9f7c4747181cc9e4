import type { RelayListParts } from './lists.ts'

/** The relays of a comparison, and what it may take. */
export interface CompareRelaysParts extends RelayListParts {
  /** How many DIDs are given that one relay alone lists. */
  readonly sampleSize: number
  /** The most that digests may take, in bytes. */
  readonly memoryBytes: number
}

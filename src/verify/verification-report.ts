/** How an index and a relay differ in one collection. */
export interface Differences {
  /** Repos that both have. */
  both: number
  /** Repos that the relay lists and the index lacks. */
  onlyThere: number
  /** Repos that the index holds and the relay does not list. */
  onlyHere: number
  /** A few DIDs of each kind, the first that were found. */
  samples: { readonly onlyThere: readonly string[]; readonly onlyHere: readonly string[] }
}

/** What the comparison cost. */
export interface VerificationCost {
  /** Requests to the relay, including those that failed or turned out not to be needed. */
  requests: number
  /** DIDs that the relay gave, repeats and further walks included. */
  pairs: number
  durationMs: number
}

/** The result for one collection. */
export interface CollectionReport {
  /** The relay: {@link RepoLister.relay}. */
  relay: string
  collection: string
  /** Absent when a list could not be read to its end. */
  differences?: Differences | undefined
  /** Why there are no differences to report. */
  error?: unknown
  /** How it was done; see {@link verify}. */
  method: 'merge' | 'hash'
  cost: VerificationCost
}

/** The sums over all collections so far. */
export interface VerificationSummary {
  relay: string
  /** Collections compared to the end. */
  compared: number
  /** Collections whose lists could not be read to the end. */
  failed: number
  both: number
  onlyThere: number
  onlyHere: number
  cost: VerificationCost
}

/** The first few of many. */
export interface Samples {
  add(did: string): void
  readonly dids: readonly string[]
  /** Takes away those that turn out to be none. */
  filter(keep: (did: string) => boolean): void
}

/** @param most how many are kept; a DID that is kept already does not count again */
export function samples(most: number): Samples {
  let dids: string[] = []
  return {
    add(did) {
      if (dids.length < most && !dids.includes(did)) dids.push(did)
    },
    get dids() {
      return dids
    },
    filter(keep) {
      dids = dids.filter(keep)
    },
  }
}

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

/** What a repair changed in the index. */
export interface Repair {
  /** Pairs that were added: missing ones, and surplus ones that came back while they were removed. */
  added: number
  /** Pairs that were removed. */
  removed: number
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
  /** The relay: {@link RepoLister.relay}. Several are joined by commas. */
  relay: string
  collection: string
  /** What was found, before the repair. Absent when a list could not be read, or the repair be made, to its end. */
  differences?: Differences | undefined
  /** Why there are no differences to report. */
  error?: unknown
  /** What was changed, also if the repair broke off. Absent without the option `repair`. */
  repaired?: Repair | undefined
  /** How it was done; see {@link verify}. */
  method: 'merge' | 'hash'
  cost: VerificationCost
}

/** The sums over all collections so far. */
export interface VerificationSummary extends Repair {
  /** {@link CollectionReport.relay} */
  relay: string
  /** Collections compared to the end. */
  compared: number
  /** Collections whose lists could not be read, or whose repair could not be made, to the end. */
  failed: number
  both: number
  /** As found, before the repair. */
  onlyThere: number
  /** As found, before the repair. */
  onlyHere: number
  cost: VerificationCost
}

export function emptySummary(relay: string): VerificationSummary {
  const cost = { requests: 0, pairs: 0, durationMs: 0 }
  return { relay, compared: 0, failed: 0, both: 0, onlyThere: 0, onlyHere: 0, added: 0, removed: 0, cost }
}

/** Counts a report in. The time is not added up: collections share it. */
export function countReport(summary: VerificationSummary, report: CollectionReport): void {
  const { differences, cost, repaired = { added: 0, removed: 0 } } = report
  summary.cost.requests += cost.requests
  summary.cost.pairs += cost.pairs
  summary.added += repaired.added
  summary.removed += repaired.removed
  if (differences === undefined) {
    summary.failed += 1
    return
  }
  summary.compared += 1
  summary.both += differences.both
  summary.onlyThere += differences.onlyThere
  summary.onlyHere += differences.onlyHere
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

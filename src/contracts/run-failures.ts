/** One collection that a run could not complete. */
export interface CollectionFailure {
  relay: string
  collection: string
  /** How often it was tried since it was registered anew. */
  attempts: number
  /** The last error, in the server's words where it gave any. */
  lastError: string
}

/** One relay whose run ended before its collections were walked, and why. */
export interface RelayFailure {
  relay: string
  error: unknown
}

/** One host that a crawl could not complete. */
export interface HostFailure {
  host: string
  /** How often it was tried since its last committed page. */
  attempts: number
  /** The last error, in the host's words where it gave any. */
  lastError: string
}

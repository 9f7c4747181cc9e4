/** A host that a source knows. */
export interface KnownHost {
  /** Its name as the source has it, checked by its reader: `pds.example`. */
  host: string
  /** About how many accounts it has. Used for the order of work, and to tell how far it is. */
  accounts?: number | undefined
  /** What the source says of it, such as `active`, `offline` or `banned`. */
  status?: string | undefined
}

/** Where hosts come from: a relay's list, a list of your own. */
export interface HostSource {
  /** For messages and events: `relay1.us-east.bsky.network`. */
  readonly name: string
  /** The relay whose list it is, as a host: it is none itself. */
  readonly relay?: string | undefined
  /**
   * Called at the beginning of a crawl; gives what it knows in any order, and repeated names are legal. Names that are no
   * host's, or not allowed, are left out by the caller. When the signal aborts, it rejects with its reason.
   */
  hosts(options?: { signal?: AbortSignal | undefined }): AsyncIterable<KnownHost>
}

/** A relay whose requests go at a pace, for whatever else asks the same server. */
export interface PacedRelay {
  /** {@link RepoLister.relay} */
  readonly relay: string
  /**
   * Makes another request to the same server, that of a source of collections, at the pace of this lister's own: a wait
   * that the server asks for holds for both. `send` makes one attempt. Absent if a lister has no pace.
   */
  paced?<T extends { status: number; headers: Headers }>(
    signal: AbortSignal | undefined,
    send: () => Promise<T>,
  ): Promise<T>
}

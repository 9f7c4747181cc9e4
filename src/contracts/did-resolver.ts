/**
 * Finds the document of a DID. The resolvers of `@atproto/identity` and of atcute fit as they are, and so does any object
 * with such a method.
 */
export interface DidResolver {
  /** The document of one DID. */
  /**
   * Gives the document as JSON, or nothing where there is none. It rejects where that could not be found out, and is asked
   * again then; with an error whose name is `DocumentNotFoundError`, there is none, and with one whose `status` is 410, the
   * DID is deleted. What it gives is checked: the document has to be that of the DID, and to name a host that may be asked.
   */
  resolve(did: `did:${string}:${string}`): Promise<unknown>
}

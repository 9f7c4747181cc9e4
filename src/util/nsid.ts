/**
 * An NSID, or a pattern of NSIDs, in its normal form: the authority is a domain name and in small letters, the name
 * keeps its case, for there it counts.
 */
export function normalNsid(nsid: string): string {
  const name = nsid.lastIndexOf('.')
  return nsid.slice(0, Math.max(name, 0)).toLowerCase() + nsid.slice(Math.max(name, 0))
}

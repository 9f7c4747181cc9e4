import { InvalidOptionError } from '../../errors.ts'
import { relayUrl } from '../../http/server-url.ts'
import { invalidRequest } from '../responses.ts'

/** Which relays a request may name. */
export interface AllowedRelays {
  /** `RepoLister.relay` of each; nothing when any public host will do. */
  readonly names: readonly string[] | undefined
  /**
   * The relay that a request names, in its normal form.
   *
   * @throws XrpcError for what is no host, or not allowed
   */
  accept(relay: string | undefined): string
}

/**
 * Names that lead to this machine or this network, whatever the DNS says: RFC 6761, RFC 6762, RFC 8375 and ICANN's
 * `internal`.
 */
const PRIVATE_NAMES = /(?:^|\.)(?:localhost|local|internal|home\.arpa|onion|test|invalid)$/

/** @throws InvalidOptionError */
export function allowedRelays(allowed: readonly string[] | undefined): AllowedRelays {
  if (allowed !== undefined && !(Array.isArray(allowed) && allowed.length > 0)) {
    const expected = "a list of at least one relay such as ['relay1.us-east.bsky.network']"
    throw new InvalidOptionError('allowedRelays', expected, allowed)
  }
  const names = allowed?.map((relay) => relayUrl(relay, 'allowedRelays').relay)
  return {
    names,
    accept(given) {
      // Where one relay is allowed, the request need not name it.
      const relay = given === undefined && names?.length === 1 ? names[0] : sourceOf(given)
      if (relay === undefined) {
        throw invalidRequest('source must be the host of a relay, such as relay1.us-east.bsky.network')
      }
      if (names === undefined ? isPublicHost(relay) : names.includes(relay)) return relay
      throw invalidRequest(
        names === undefined
          ? 'source must be a public host name on https: name others in allowedRelays'
          : `source must be one of ${names.join(', ')}`,
      )
    },
  }
}

function sourceOf(given: string | undefined): string | undefined {
  if (given === undefined) return undefined
  try {
    return relayUrl(given, 'source').relay
  } catch (error) {
    if (error instanceof InvalidOptionError) return undefined
    throw error
  }
}

/** A name in the public DNS, asked for on https and 443: no address, no port, nothing of this network. */
function isPublicHost(relay: string): boolean {
  return (
    /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(relay) &&
    !PRIVATE_NAMES.test(relay)
  )
}

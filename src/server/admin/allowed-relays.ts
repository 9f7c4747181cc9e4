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
 * The ends of names that lead to this machine or this network, whatever the DNS says: IANA's special-use names, the
 * names that RFC 6762 (appendix G) and ICANN's name collision studies found in use on private networks, and what
 * containers, clusters, routers and service discovery add of their own.
 */
const PRIVATE_ENDS: ReadonlySet<string> = new Set(
  [
    'localhost local internal test invalid onion alt arpa',
    'localdomain localnet lan home homenet corp mail intranet intra private domain workgroup lokal',
    'svc cluster default pod docker consul nomad kube k8s vm dhcp router gateway modem fritz.box ts.net',
  ].flatMap((ends) => ends.split(' ')),
)

/** Names of the public DNS that stand for any address that is written into them, or for this machine. */
const WILDCARD_ENDS: ReadonlySet<string> = new Set(
  'nip.io sslip.io xip.io localtest.me lvh.me vcap.me lacolhost.com local.gd localho.st traefik.me'.split(
    ' ',
  ),
)

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
      if (names === undefined ? isPublicHost(relay) && !endsInDot(given) : names.includes(relay)) return relay
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
  const parts = relay.split('.')
  const ends = parts.map((_, i) => parts.slice(i).join('.'))
  return (
    parts.length > 1 &&
    parts.every((part) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(part)) &&
    // As every top-level domain is: addresses and the names of namespaces are not.
    /\.(?:[a-z]{2,}|xn--[a-z0-9-]+)$/.test(relay) &&
    !ends.some((end) => PRIVATE_ENDS.has(end) || WILDCARD_ENDS.has(end))
  )
}

/** The dot of the DNS's root, in any form that a URL takes for it. Relays are never written so. */
function endsInDot(given = ''): boolean {
  return /[.\u3002\uff0e\uff61](?::\d*)?\/?$/.test(given)
}

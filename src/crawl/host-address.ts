import { InvalidOptionError } from '../errors.ts'
import { relayUrl } from '../http/server-url.ts'
import { isPublicName } from './public-name.ts'

/** Which hosts may be asked though strangers name them: see {@link HostOptions.allowHosts}. */
export interface HostOptions {
  /**
   * Hosts that may be asked though they are no public ones, and without TLS: `localhost`, `127.0.0.1:2583` with this port
   * alone, `*.internal` and `10.*` for all that end or begin so. The names of hosts come from strangers: from a relay's
   * list, from DID documents. So an address of a private network, and a name that has a meaning only there, is refused
   * unless it is here. A public name that leads to a private address is refused too: in Node when it is connected to; in Bun
   * and Deno by a look-up before, which a name that changes its address in between gets through. With a `fetch` of your own
   * nothing is checked but names: where that matters, check in it what it connects to.
   *
   * @default []
   */
  allowHosts?: readonly string[] | undefined
}

/** A host as it is asked. */
export interface HostAddress {
  /** Its name, in rows, messages and events: the host, or the origin where that is not https on port 443. */
  readonly host: string
  /** Scheme, name and port: `https://pds.example`. */
  readonly origin: string
}

/** A host that is not asked, and why: goes on from its name. */
export interface RefusedHost {
  readonly problem: string
}

/** Reads the names of hosts that come from elsewhere. */
export type ReadHost = (given: unknown) => HostAddress | RefusedHost

/** @throws InvalidOptionError */
export function hostReader({ allowHosts = [] }: HostOptions = {}): ReadHost {
  if (!Array.isArray(allowHosts))
    throw new InvalidOptionError('allowHosts', 'a list of names such as localhost', allowHosts)
  const rules = allowHosts.map((given) => hostPattern('allowHosts', given))
  const isAllowed = (url: URL) => rules.some((allows) => allows(url))
  return (given) => {
    const text = typeof given === 'string' ? given.trim() : ''
    const isBare = !/^[a-z]+:\/\//i.test(text)
    const url = originOf(isBare ? `https://${text}` : text)
    if (url === undefined) return { problem: 'is no name of a host, and no http or https URL of one' }
    const allowed = isAllowed(url)
    if (!allowed && !isPublicName(url.hostname))
      return { problem: 'is an address or a name of a private network; allowHosts would have to name it' }
    // As relays have it: a host of one's own network has no certificate.
    if (isBare && allowed && !isPublicName(url.hostname)) url.protocol = 'http:'
    if (url.protocol === 'http:' && !allowed)
      return { problem: 'is asked without TLS; allowHosts would have to name it' }
    const { relay: host, origin } = relayUrl(url.origin)
    return { host, origin }
  }
}

/** Nothing for what is more than an origin, or none. */
function originOf(text: string): URL | undefined {
  // By character, since URL forgives much of it in silence.
  if (text.length > 300 || /[\s\p{Cc}@?#\\]/u.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  const isHost = /^https?:$/.test(url.protocol) && url.pathname === '/'
  const name = url.hostname.replace(/\.$/, '')
  if (!isHost || name === '' || name.split('.').includes('')) return undefined
  url.hostname = name
  return url
}

/**
 * Whether a URL is one of those that a name means: `localhost`, `127.0.0.1:2583` with this port alone, `*.internal` and
 * `10.*` for all that end or begin so.
 *
 * @param option the name of the option that holds it
 * @throws InvalidOptionError
 */
export function hostPattern(option: string, given: string): (url: URL) => boolean {
  const text = typeof given === 'string' ? given.toLowerCase() : ''
  const [, begin, , end] = /^(?:(\*)\.)?([^*]*?)(?:\.(\*))?$/.exec(text) ?? []
  if (begin !== undefined && end === undefined) return ({ hostname }) => hostname.endsWith(text.slice(1))
  if (end !== undefined && begin === undefined)
    return ({ hostname }) => hostname.startsWith(text.slice(0, -1))
  const url = text.includes('*') || /^https?:/.test(text) ? undefined : originOf(`http://${text}`)
  if (url === undefined) {
    const expected = 'a list of names such as localhost, 127.0.0.1:2583, *.internal or 10.*'
    throw new InvalidOptionError(option, expected, given)
  }
  const { hostname, port } = url
  const namesPort = /:\d+$/.test(text)
  return (asked) => asked.hostname === hostname && (!namesPort || (asked.port || '80') === (port || '80'))
}

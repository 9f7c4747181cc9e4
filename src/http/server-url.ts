import { InvalidOptionError } from '../errors.ts'

/** A server's address in its normal form. */
export interface RelayUrl {
  /**
   * The name of the server in progress rows and messages: the host, or the origin when it is not https on
   * 443.
   */
  relay: string
  /** Scheme, host and port: `https://relay.example`. */
  origin: string
}

const EXPECTED =
  'the host of a relay, such as relay1.us-east.bsky.network, or its http or https URL without credentials, ' +
  'path, query or fragment'

/**
 * Brings a host or URL, as people write it, into its normal form: in small letters, without the dot of the DNS's root.
 * It is https unless http is written out.
 *
 * @param option the name of the option that holds it, for the error
 * @throws InvalidOptionError
 */
export function relayUrl(relay: string, option = 'relay'): RelayUrl {
  const url = typeof relay === 'string' ? parse(relay) : undefined
  if (url === undefined) throw new InvalidOptionError(option, EXPECTED, withoutCredentials(relay))
  const { host, origin, protocol, port } = url
  return { relay: protocol === 'https:' && port === '' ? host : origin, origin }
}

/**
 * The address of a list, as its option has it: whole, for it names one document.
 *
 * @param option the name of the option that holds it, for the error
 * @throws InvalidOptionError
 */
export function sourceUrl(given: string, option = 'url'): URL {
  const url = URL.canParse(given) ? withoutLastDot(new URL(given)) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new InvalidOptionError(
      option,
      'an http or https URL without credentials',
      url?.host ?? withoutCredentials(given),
    )
  }
  return url
}

function parse(relay: string): URL | undefined {
  // Refused by character, since URL forgives much of it in silence: an empty user, an empty query, a newline.
  if (/[\s\p{Cc}@?#\\]/u.test(relay)) return undefined
  const absolute = /^https?:\/\//i.test(relay)
  // `file:` would pass as a host with an empty port.
  if (!absolute && relay.endsWith(':')) return undefined
  const text = absolute ? relay : `https://${relay}`
  const url = URL.canParse(text) ? withoutLastDot(new URL(text)) : undefined
  return url?.pathname === '/' ? url : undefined
}

/**
 * `relay.example.` is `relay.example`: the same host, whose progress and cursors would otherwise be kept twice. Nothing
 * for a name with an empty part.
 */
function withoutLastDot(url: URL): URL | undefined {
  const name = url.hostname.replace(/\.$/, '')
  if (name.split('.').includes('')) return undefined
  url.hostname = name
  return url
}

/** A message ends up in logs, where a password must not. */
function withoutCredentials(relay: unknown): unknown {
  return typeof relay === 'string' ? relay.replace(/^([a-z]+:\/\/)?[\s\S]*@/i, '$1…@') : relay
}

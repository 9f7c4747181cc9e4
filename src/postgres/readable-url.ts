import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import pg from 'pg'
import { InvalidOptionError } from '../errors.ts'
import { describe } from '../util/describe.ts'
import { withoutPassword } from './connection-url.ts'

/** What pg makes something of; it takes any other word for `verify-full`, `ssl=false` for `ssl=true`. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
const SSL_WORDS = ['true', '1', '0', 'no-verify']

const MAX_PORT = 65_535

/**
 * Refuses a URL of which pg would make nothing, or something else than it says. A pool reads its URL with each
 * connection; one connection that is never opened reads it now, with the files of certificates that it names.
 *
 * @throws InvalidOptionError
 */
export function requireReadable(url: string): void {
  const refuse = (expected: string) => new InvalidOptionError('url', expected, withoutPassword(url))
  const wordOf = (name: string) => new RegExp(`[?&]${name}=([^&#]*)`).exec(url)?.[1]
  const sslmode = wordOf('sslmode')
  if (sslmode !== undefined && !SSL_MODES.includes(sslmode))
    throw refuse(`a URL whose sslmode is one of ${SSL_MODES.join(', ')}`)
  const ssl = wordOf('ssl')
  if (ssl !== undefined && !SSL_WORDS.includes(ssl))
    throw refuse(
      'a URL that says with sslmode=disable that it wants no TLS, or with sslmode=verify-full that it does',
    )
  const { port, ssl: certificates } = read(url, refuse)
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT)
    throw refuse(`a URL whose port is a number from 1 to ${MAX_PORT}`)
  if (typeof certificates === 'object') requireCertificates(certificates, refuse)
}

type Refuse = (expected: string) => InvalidOptionError

function read(url: string, refuse: Refuse): pg.Client {
  try {
    return new pg.Client({ connectionString: url })
  } catch (error) {
    throw refuse(`a URL that pg can read (${describe(error)})`)
  }
}

/** They are read when the server has answered, where a bad one would end the process. */
function requireCertificates(certificates: { ca?: string }, refuse: Refuse): void {
  try {
    createSecureContext(certificates)
    // A file without any certificate is ignored there, and then no server is trusted.
    if (certificates.ca !== undefined) new X509Certificate(certificates.ca)
  } catch (error) {
    const files = 'sslrootcert, sslcert and sslkey name files of certificates and a key'
    throw refuse(`a URL whose ${files}, in PEM (${describe(error)})`)
  }
}

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { InvalidOptionError, StoreUnavailableError } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { type Certificate, makeCertificate } from '../support/certificate.ts'
import { rejection } from '../support/fault-run.ts'
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const SECRET = 'cr-et/42'

let folder: TemporaryFolder
let certificate: Certificate
let server: PostgresServer
beforeAll(async () => {
  folder = await temporaryFolder()
  certificate = await makeCertificate(folder.path)
  const access = join(folder.path, 'pg_hba.conf')
  const lines = [
    'hostssl all certified all scram-sha-256 clientcert=verify-ca',
    'hostssl all all all scram-sha-256',
  ]
  await writeFile(access, lines.join('\n'))
  server = await startPostgresServer({
    ssl: 'on',
    ssl_cert_file: certificate.cert,
    ssl_key_file: certificate.key,
    ssl_ca_file: certificate.cert,
    hba_file: access,
  })
  await using store = await openPostgres(urlTo(server.url, { sslmode: 'no-verify' }))
  await sql`create role certified superuser login password ${sql.lit(SECRET)}`.execute(store.db)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

interface Change {
  readonly host?: string
  readonly user?: string
  /** Files by the names that they have in the folder of certificates. */
  readonly [parameter: string]: string | undefined
}

function urlTo(url: string, { host = 'localhost', user, ...parameters }: Change): string {
  const changed = new URL(url)
  changed.hostname = host
  if (user !== undefined) Object.assign(changed, { username: user, password: encodeURIComponent(SECRET) })
  for (const [name, value = ''] of Object.entries(parameters)) {
    const isFile = /^ssl(rootcert|cert|key)$/.test(name)
    changed.searchParams.set(name, isFile ? join(folder.path, value) : value)
  }
  return changed.href
}

/** No error shows a password, wherever it is looked for. */
function expectNoPassword(error: unknown, url: string): void {
  const { password } = new URL(url)
  const shown = inspect(error, { depth: 10, showHidden: true })
  expect(password).not.toBe('')
  for (const secret of [password, decodeURIComponent(password)]) expect(shown).not.toContain(secret)
}

const trusting = { sslmode: 'verify-full', sslrootcert: 'cert.pem' }

describe('a server with TLS', () => {
  it.each<{ how: string; change: Change }>([
    { how: 'that trusts its certificate', change: trusting },
    { how: 'that takes any certificate', change: { host: '127.0.0.1', sslmode: 'no-verify' } },
    {
      how: 'with a certificate of its own',
      change: { ...trusting, user: 'certified', sslcert: 'cert.pem', sslkey: 'key.pem' },
    },
  ])('lets in a URL $how', async ({ change }) => {
    await using store = await openPostgres(urlTo(server.url, change))
    const { rows } = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(store.db)
    expect(rows).toEqual([{ ssl: true }])
  })

  it.each<{ what: string; change: Change; advice: string }>([
    { what: 'that asks for none', change: {}, advice: 'give sslmode=verify-full in the URL' },
    {
      what: 'that does not trust its certificate',
      change: { sslmode: 'verify-full' },
      advice: 'give sslrootcert in the URL',
    },
    {
      what: 'with another host than in its certificate',
      change: { ...trusting, host: '127.0.0.1' },
      advice: 'name the host as the certificate does',
    },
    {
      what: 'without the certificate that a user needs',
      change: { ...trusting, user: 'certified' },
      advice: 'give sslcert and sslkey in the URL',
    },
  ])('is unavailable to a URL $what, and the error says what to do', async ({ change, advice }) => {
    const url = urlTo(server.url, change)
    const error = await rejection(openPostgres(url))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(String(error)).toContain(advice)
    expectNoPassword(error, url)
  })
})

it.each(['require', 'verify-full', 'no-verify'])(
  'a server without TLS is unavailable to a URL with sslmode=%s, and the error says what to do',
  async (sslmode) => {
    const url = urlTo(inject('postgresUrl'), { host: '127.0.0.1', sslmode })
    const error = await rejection(openPostgres(url))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(String(error)).toContain('sslmode=disable')
    expectNoPassword(error, url)
  },
)

it.each<{ change: Change; words: string }>([
  { change: { sslmode: 'requrie' }, words: 'sslmode is one of disable' },
  { change: { sslmode: 'allow' }, words: 'sslmode is one of disable' },
  { change: { sslmode: '' }, words: 'sslmode is one of disable' },
  { change: { ssl: 'false' }, words: 'sslmode=disable' },
  { change: { sslnegotiation: 'odd' }, words: 'sslnegotiation' },
  { change: { sslmode: 'verify-full', sslrootcert: 'none.pem' }, words: 'no such file' },
  { change: { sslmode: 'verify-full', sslrootcert: 'pg_hba.conf' }, words: 'sslrootcert' },
  { change: { sslmode: 'verify-full', sslcert: 'cert.pem', sslkey: 'pg_hba.conf' }, words: 'sslkey' },
  { change: { port: 'five' }, words: 'port' },
  { change: { port: '70000' }, words: 'port' },
  { change: { port: '0' }, words: 'port' },
])('a URL that cannot be meant is refused before it is used: $change', async ({ change, words }) => {
  const url = urlTo(server.url, change)
  const error = await rejection(openPostgres(url))
  expect(error).toBeInstanceOf(InvalidOptionError)
  expect(error).toMatchObject({ option: 'url' })
  expect(String(error)).toContain(words)
  expectNoPassword(error, url)
})

it('a socket that is not there is a database that is unavailable', async () => {
  const url = 'postgres://me:secret-word@/app?host=%2Fno%2Fsuch%2Fplace'
  const error = await rejection(openPostgres(url))
  expect(error).toBeInstanceOf(StoreUnavailableError)
  expect(inspect(error)).not.toContain('secret-word')
})

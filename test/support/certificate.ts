import { execFile } from 'node:child_process'
import { chown } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serverAccount } from '../../examples/support/postgres-programs.ts'

/** A certificate for `localhost` that is its own authority, and its key, which a server's account may read. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Needs `openssl`. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  await promisify(execFile)('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert])
  const { uid, gid } = await serverAccount()
  if (uid !== undefined && gid !== undefined) await chown(key, uid, gid)
  return { cert, key }
}

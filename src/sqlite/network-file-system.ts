import { readFile } from 'node:fs/promises'

/**
 * File systems of other machines. SQLite's log needs memory that all its processes share, which two machines do not, and
 * locks that many of these only pretend to have.
 */
const NETWORK =
  /^(?:nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|9p|ceph|lustre|gfs2?|ocfs2|beegfs|pvfs2|fuse\.(?:sshfs|glusterfs|ceph.*|s3fs|rclone|davfs\d?|gcsfuse))$/

/**
 * The kind of network file system that a path is on, on Linux; nothing elsewhere, where there is no list of them.
 *
 * @param path absolute, with no links in it
 */
export async function networkFileSystemOf(
  path: string,
  readMounts: () => Promise<string> = () => readFile('/proc/self/mounts', 'utf8'),
): Promise<string | undefined> {
  const mounts = await readMounts().catch(() => '')
  let found: { point: string; kind: string } | undefined
  for (const line of mounts.split('\n')) {
    const [, point = '', kind = ''] = line.split(' ').map(unescaped)
    // A later one hides those before it.
    if (contains(point, path) && point.length >= (found?.point.length ?? 0)) found = { point, kind }
  }
  return found !== undefined && NETWORK.test(found.kind) ? found.kind : undefined
}

function contains(point: string, path: string): boolean {
  return point !== '' && (path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`))
}

/** Blanks and backslashes are written as their codes in octal. */
function unescaped(field: string): string {
  return field.replaceAll(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
}

import { expect, it } from 'vitest'
import { networkFileSystemOf } from '../../src/sqlite/network-file-system.ts'

const MOUNTS = `sysfs /sys sysfs rw 0 0
/dev/vda / ext4 rw,relatime 0 0
server:/export /mnt/nfs nfs4 rw,vers=4.2 0 0
//server/share /mnt/with\\040blank cifs rw 0 0
tmpfs /mnt/nfs/scratch tmpfs rw 0 0
user@host:/home /home/me/far fuse.sshfs rw 0 0
/dev/sdb1 /mnt/usb fuseblk rw 0 0
`

it.each([
  ['/mnt/nfs/index.sqlite', 'nfs4'],
  ['/mnt/nfs', 'nfs4'],
  ['/mnt/with blank/a/b.sqlite', 'cifs'],
  ['/home/me/far/index.sqlite', 'fuse.sshfs'],
  ['/mnt/nfs/scratch/index.sqlite', undefined],
  ['/mnt/nfs2/index.sqlite', undefined],
  ['/home/me/index.sqlite', undefined],
  ['/mnt/usb/index.sqlite', undefined],
])('%s is on %s', async (path, kind) => {
  expect(await networkFileSystemOf(path, async () => MOUNTS)).toBe(kind)
})

it('where no list of file systems can be had, none is known', async () => {
  const none = () => Promise.reject(new Error('ENOENT'))
  expect(await networkFileSystemOf('/mnt/nfs/index.sqlite', none)).toBeUndefined()
})

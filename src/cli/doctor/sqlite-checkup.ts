import { existsSync } from 'node:fs'
import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { byteSize } from '../../util/format.ts'
import { type Finding, type Looks, look } from './findings.ts'

/** With less room than this, an import of the network will not fit, in bytes: 61 million pairs of 27 bytes. */
const ROOM_BYTES = 2e9
/** With less, the next commits may fail. */
const LEAST_ROOM_BYTES = 1e8

/** The file, its rights and the room on its disk. */
export async function checkFile(file: string, parts: Looks): Promise<readonly Finding[]> {
  const place = await look(`file ${file}`, parts, () => fileFinding(file))
  const folder = dirname(resolve(file))
  if (!existsSync(folder)) return place
  return [...place, ...(await look('disk', parts, () => roomFinding(folder), { state: 'warn' }))]
}

async function fileFinding(file: string): Promise<Finding> {
  const subject = `file ${file}`
  const found = await stat(file).catch(noneThere)
  if (found === undefined) {
    const folder = dirname(resolve(file))
    if (await mayWrite(folder)) return { subject, state: 'ok', found: 'it is not there yet: run makes it' }
    const advice =
      'Create the folder, give this user the right to write there, or name another file with --data.'
    return { subject, state: 'fail', found: `it is not there, and ${folder} cannot be written`, advice }
  }
  // The pairs that were written last are beside it.
  const log = await stat(`${file}-wal`).catch(noneThere)
  const size = byteSize(found.size + (log?.size ?? 0))
  if (await mayWrite(file)) return { subject, state: 'ok', found: `${size}, can be written` }
  const advice = 'A run needs the right to write. To read and to serve, this will do.'
  return { subject, state: 'warn', found: `${size}, may only be read`, advice }
}

async function roomFinding(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const found = `${byteSize(free)} free`
  const subject = 'disk'
  if (free >= ROOM_BYTES) return { subject, state: 'ok', found }
  const advice = `The whole network takes ${byteSize(ROOM_BYTES)} about; run --dry-run says what yours does.`
  return { subject, state: free < LEAST_ROOM_BYTES ? 'fail' : 'warn', found, advice }
}

function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
}

function noneThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

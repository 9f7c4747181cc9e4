import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { open, readdir, realpath, rename, rm, stat, truncate } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { ExportPairsOptions } from '../transfer/export-pairs.ts'
import { writtenPair } from '../transfer/pair-text.ts'
import { hasEnded, type ProcessName, thisProcess } from '../util/this-process.ts'
import { refuseDatabase } from './given-files.ts'
import { isGzipName } from './pair-files.ts'
import { UsageError } from './usage-error.ts'

/** Where an export goes. */
export interface PairOutput {
  /** What an earlier export of the same has written already. */
  readonly after: ExportPairsOptions['after']
  /** Waits for who reads it. */
  write(text: string): Promise<void>
  /** All is written: it is what it is called from now on. */
  finish(): Promise<void>
  /** It broke off. @returns whether the next export of the same goes on from here */
  leave(): Promise<boolean>
}

/** The standard output, or another stream that stays open. */
export function streamOutput(stream: Writable): PairOutput {
  return {
    after: undefined,
    write: (text) => writeTo(stream, text),
    finish: async () => {},
    leave: async () => false,
  }
}

async function writeTo(stream: Writable, text: string): Promise<void> {
  if (stream.destroyed) throw stream.errored ?? new Error('What is written to is closed.')
  if (!stream.write(text)) await once(stream, 'drain')
}

/**
 * A file. Until the export is done it is written beside it, under a name of this process; so nothing is ever seen of half
 * an export, and two at once do not mix. What a process left that has ended, the next export of the same goes on with:
 * the list is in order, so its last line says where. A gzip that was left has no last line, and is begun again. A pipe or
 * a device cannot be replaced: it is written to as it is.
 *
 * @param choice what else decides on the text: database, format, collections
 */
export async function fileOutput(file: string, choice: readonly unknown[]): Promise<PairOutput> {
  // What a link leads to, so that it stays a link.
  const target = await realpath(file).catch(() => resolve(file))
  const digest = createHash('sha256').update(JSON.stringify(choice)).digest('hex').slice(0, 8)
  const isGzip = isGzipName(file)
  const part = join(dirname(target), partName(basename(target), digest))
  try {
    const stats = await stat(file).catch(() => undefined)
    if (stats?.isDirectory()) throw new UsageError(`${file} is a folder: give the name of a file.`)
    if (stats !== undefined && !stats.isFile()) {
      const stream = createWriteStream(file)
      await once(stream, 'open')
      return partOutput({ target, part: undefined, stream, isGzip, after: undefined })
    }
    await refuseDatabase(target)
    const after = await adopted(target, digest, part, isGzip)
    const stream = createWriteStream(part, { flags: after === undefined ? 'w' : 'a', flush: true })
    await once(stream, 'open')
    return partOutput({ target, part, stream, isGzip, after })
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new UsageError(`${file} cannot be written: ${error.message}.`)
  }
}

interface Part {
  readonly target: string
  /** Absent where the target itself is written. */
  readonly part: string | undefined
  readonly stream: Writable
  readonly isGzip: boolean
  readonly after: PairOutput['after']
}

function partOutput({ target, part, stream, isGzip, after }: Part): PairOutput {
  const gzip = isGzip ? createGzip() : undefined
  const packed = gzip && pipeline(gzip, stream)
  // Told by the next write, or by the end.
  packed?.catch(() => {})
  stream.on('error', () => {})
  return {
    after,
    write: (text) => writeTo(gzip ?? stream, text),
    async finish() {
      if (gzip === undefined) await ended(stream)
      else await Promise.all([packed, ended(gzip)])
      if (part !== undefined) await rename(part, target)
    },
    async leave() {
      if (gzip === undefined) await ended(stream).catch(() => {})
      else stream.destroy()
      if (part === undefined) return false
      if (isGzip) await rm(part, { force: true })
      return !isGzip
    },
  }
}

async function ended(stream: Writable): Promise<void> {
  if (stream.errored) throw stream.errored
  const finished = once(stream, 'finish')
  stream.end()
  await finished
}

/** `pairs.csv.1f2e3d4c.host.4711.1758000000000.part` */
function partName(file: string, digest: string): string {
  const { host, pid, startedAt } = thisProcess() ?? { host: 'host', pid: process.pid, startedAt: 0 }
  return `${file}.${digest}.${encodeURIComponent(host)}.${pid}.${startedAt}.part`
}

/** The process whose part it is, if it is one of the same export. */
function partOwner(name: string, file: string, digest: string): ProcessName | undefined {
  const begin = `${file}.${digest}.`
  const [, host, pid, startedAt] = /^(.+)\.(\d+)\.(\d+)\.part$/.exec(name.slice(begin.length)) ?? []
  if (!name.startsWith(begin) || host === undefined) return undefined
  return { host: decodeURIComponent(host), pid: Number(pid), startedAt: Number(startedAt) }
}

/** Takes over what a process has left that has ended. Of two that want it, the rename gives it to one. */
async function adopted(
  target: string,
  digest: string,
  part: string,
  isGzip: boolean,
): Promise<PairOutput['after']> {
  const folder = dirname(target)
  for (const name of await readdir(folder)) {
    const owner = partOwner(name, basename(target), digest)
    const isOwn = join(folder, name) === part
    if (owner === undefined || !(isOwn || hasEnded(owner))) continue
    if (isGzip) {
      await rm(join(folder, name), { force: true })
      continue
    }
    const isTaken = await rename(join(folder, name), part).then(
      () => true,
      () => false,
    )
    const after = isTaken ? await lastPlace(part) : undefined
    if (after !== undefined) return after
  }
  return undefined
}

/** More than the longest line. */
const TAIL_BYTES = 65_536

/** The place behind the last whole line; what stands behind that is cut off. */
async function lastPlace(part: string): Promise<PairOutput['after']> {
  const handle = await open(part)
  try {
    const { size } = await handle.stat()
    const start = Math.max(0, size - TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(TAIL_BYTES), position: start })
    const end = buffer.subarray(0, bytesRead).lastIndexOf('\n')
    if (end < 0) return undefined
    const line = buffer.toString('utf8', buffer.lastIndexOf('\n', end - 1) + 1, end)
    const pair = writtenPair(line)
    if (pair === undefined) return undefined
    await truncate(part, start + end + 1)
    // The cursors of our own stores are DIDs.
    return { collection: pair.collection, cursor: pair.did }
  } finally {
    await handle.close()
  }
}

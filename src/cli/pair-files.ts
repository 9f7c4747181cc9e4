import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { createGunzip } from 'node:zlib'
import { BackfillError } from '../errors.ts'
import type { TextPieces } from '../transfer/pair-lines.ts'
import type { PairFormat } from '../transfer/pair-text.ts'
import type { Context } from './context.ts'
import { isDatabase } from './given-files.ts'
import { UsageError } from './usage-error.ts'

/** What a file is called that is none: what is read from, or written to, the program before or behind. */
export const STANDARD = '-'

export function isGzipName(file: string): boolean {
  return /\.gz$/i.test(file)
}

/** What the name of a file says of its form. */
export function formatOfName(file: string): PairFormat {
  return /\.(ndjson|jsonl)(\.gz)?$/i.test(file) ? 'ndjson' : 'csv'
}

/** A text to import. */
export interface PairInput {
  readonly from: TextPieces | ((offset: number) => TextPieces)
  /** What it is called and which version of it this is, where it can be read again. */
  readonly place: { readonly name: string; readonly version: string } | undefined
  /** How large the file is, in bytes; absent where there is no telling. */
  readonly size: number | undefined
  /** How much of it was read, in bytes. */
  readonly read: () => number
}

/**
 * A file, or what comes on the standard input. What is gzip is told by its first bytes, whatever it is called.
 *
 * @throws UsageError when there is no such file
 */
export async function pairInput(file: string, { input }: Pick<Context, 'input'>): Promise<PairInput> {
  let read = 0
  const counted = async function* (pieces: AsyncIterable<Uint8Array>, before = 0) {
    read = before
    for await (const piece of pieces) {
      read += piece.length
      yield piece
    }
  }
  if (file === STANDARD) {
    if (input === undefined) throw new UsageError('There is nothing on the standard input.')
    return { from: unpacked(counted(input), file), place: undefined, size: undefined, read: () => read }
  }
  const { path, size, version, isGzip } = await lookAt(file)
  // What a shell gives in place of a file, or a pipe: it can be read once.
  if (size === undefined)
    return { from: unpacked(counted(createReadStream(path)), file), place: undefined, size, read: () => read }
  const place = { name: nameOfFile(path), version }
  const from = isGzip
    ? unpacked(counted(createReadStream(path)), file)
    : (start: number) => counted(createReadStream(path, { start }), start)
  return { from, place, size, read: () => read }
}

/** More than that is too long for the key of a database. */
const LONGEST_NAME = 500

function nameOfFile(path: string): string {
  const { href } = pathToFileURL(path)
  return href.length <= LONGEST_NAME ? href : `sha256:${createHash('sha256').update(href).digest('hex')}`
}

interface FileLook {
  readonly path: string
  /** Absent for what is no file on a disk. */
  readonly size: number | undefined
  readonly version: string
  readonly isGzip: boolean
}

async function lookAt(file: string): Promise<FileLook> {
  let handle: FileHandle | undefined
  try {
    const stats = await stat(file)
    if (stats.isDirectory()) throw new UsageError(`${file} is a folder: give a file.`)
    if (!stats.isFile()) return { path: file, size: undefined, version: '', isGzip: false }
    if (await isDatabase(file))
      throw new UsageError(`${file} is a database and no list: name it with --data, and export it to a list.`)
    const path = await realpath(file)
    handle = await open(path)
    const { buffer } = await handle.read({ buffer: new Uint8Array(2), length: 2 })
    const isGzip = isGzipStart(buffer)
    if (isGzipName(file) && !isGzip) {
      const message = `${file} is no gzip, although it is called so. Was it cut short, or packed in another way?`
      throw new BackfillError('INPUT_BROKEN', message)
    }
    return { path, size: stats.size, version: `${stats.size} ${stats.mtimeMs}`, isGzip }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new UsageError(`${file} cannot be read: ${error.message}.`)
  } finally {
    await handle?.close()
  }
}

function isGzipStart([first, second]: Uint8Array): boolean {
  return first === 0x1f && second === 0x8b
}

/** As it is, or unpacked where it is gzip, of one part or of several. */
async function* unpacked(
  pieces: AsyncGenerator<Uint8Array>,
  file: string,
): AsyncGenerator<Uint8Array, void, void> {
  let first = Buffer.alloc(0)
  while (first.length < 2) {
    const { done, value } = await pieces.next()
    if (done) break
    first = Buffer.concat([first, value])
  }
  const whole = (async function* () {
    yield first
    yield* pieces
  })()
  if (!isGzipStart(first)) return yield* whole
  const gunzip = createGunzip()
  // What goes wrong is thrown by the loop over it.
  pipeline(whole, gunzip, () => {})
  try {
    yield* gunzip
  } catch (error) {
    throw new Error(
      `${file === STANDARD ? 'its gzip' : file}: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    )
  }
}

import { existsSync } from 'node:fs'
import { mkdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { OpenedStore } from '../contracts/opened-store.ts'
import { InvalidOptionError } from '../errors.ts'
import { sleep } from '../util/abort.ts'
import { BYTES_PER_PAIR } from '../util/bytes-per-pair.ts'
import { describe } from '../util/describe.ts'
import { MissingTables } from '../util/missing-tables.ts'
import { type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { compactFile } from './compact-file.ts'
import { createMerging } from './merging.ts'
import { networkFileSystemOf } from './network-file-system.ts'
import { sqliteDatabase } from './sqlite-database.ts'
import { buildDidIndex } from './sqlite-did-index.ts'
import { type Connect, type Connection, loadDriver, rollBack } from './sqlite-driver.ts'
import { hasNoSpace, isBusy, isRefused, notOpened, notWritable, toSqliteError } from './sqlite-errors.ts'
import { sqliteFeedStore } from './sqlite-feed-store.ts'
import { sqliteIndex, sqliteObserved } from './sqlite-index.ts'
import { sqliteProgress } from './sqlite-progress-rows.ts'
import { sqliteSink } from './sqlite-sink.ts'
import { createTables, VERSION, whatIsIn } from './sqlite-tables.ts'

/** How a file of SQLite is opened. */
export interface SqliteOptions {
  /**
   * What a power cut may take. With `normal`, the last moments before it: pairs and cursor together, so that a run
   * fetches those pages again and nothing is missing. With `full`, nothing: each commit waits for the disk.
   *
   * @default 'normal'
   */
  synchronous?: 'normal' | 'full' | undefined
}

/** A file of SQLite that is open, with everything that a backfill needs on it. */
export interface SqliteStore extends OpenedStore {
  /**
   * Builds the index by DID, which `index.collectionsOf` needs. The file can be read and written meanwhile. It takes
   * about as much room as the pairs, and makes each later write of a pair more work: build it when the import is done.
   * Does nothing where it is there; one that broke off goes on.
   */
  createDidIndex(options?: { signal?: AbortSignal | undefined }): Promise<void>
}

/** What only tests set. */
export interface SqliteTuning {
  /** How many pairs wait before they are merged. */
  readonly mergeAt?: number
  /** In place of the runtime's own driver. */
  readonly connect?: Connect
}

const OPTIONS: OptionNames<SqliteOptions> = { synchronous: true }

/**
 * Opens an index in a file of SQLite, by `node:sqlite` (Node 22.13 or later, Deno) or `bun:sqlite`; nothing has to be
 * installed. Any number of processes of one machine use a file at the same time: they share the work of a run, and read
 * at any time.
 *
 * What is committed survives the end of the process, however it comes; for a power cut see {@link SqliteOptions}. Two
 * more files stand beside it while it is open, `FILE-wal` and `FILE-shm`, and belong to it. A file that may only be read
 * will do to read and to serve.
 *
 * Node prints a warning that its SQLite is experimental. Start it with `--disable-warning=ExperimentalWarning`, or set
 * `NODE_OPTIONS` to that, to silence it.
 *
 * @param file its path; it is made with its folders when missing
 * @throws StoreUnavailableError when the disk is full, or another process writes for long
 * @throws BackfillError with the code `STORE_NOT_OPENED` when the file is no database of this library, or of a newer
 * version, or on a network file system; with the code `NOT_INSTALLED` where the runtime has no SQLite
 */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<SqliteStore> {
  return openTuned(file, options, { creates: true })
}

/** As {@link openSqlite}, but creates nothing. @throws MissingTables when there is no database */
export async function openExistingSqlite(file: string): Promise<SqliteStore> {
  return openTuned(file, {}, { creates: false })
}

/** As {@link openSqlite}, for tests. */
export async function openTuned(
  given: string,
  options: SqliteOptions,
  { creates, mergeAt, connect: own }: SqliteTuning & { creates: boolean },
): Promise<SqliteStore> {
  refuseUnknown(options, OPTIONS)
  const { synchronous = 'normal' } = options
  if (synchronous !== 'normal' && synchronous !== 'full')
    throw new InvalidOptionError('synchronous', "'normal' or 'full'", synchronous)
  const connect = own ?? (await loadDriver())
  const file = await placeOf(given, { creates })
  const settings = `pragma synchronous = ${synchronous}; ${WRITER}`
  const { writer, reader } = await openConnections(file, { connect, creates, settings })
  const merging = createMerging(mergeAt)
  const database = sqliteDatabase({ file: given, writer, reader, merging, mergesAtOnce: creates })
  const close = () => database.close()
  return {
    sink: sqliteSink(database, merging),
    progress: sqliteProgress(database),
    index: sqliteIndex(database),
    feed: sqliteFeedStore(database, merging),
    observed: sqliteObserved(database),
    bytesPerPair: BYTES_PER_PAIR.sqlite,
    compact: ({ signal } = {}) => compactFile(database, merging, signal),
    createDidIndex: ({ signal } = {}) => buildDidIndex(database, signal),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** @returns the file's path, absolute and with no links in it */
async function placeOf(file: string, { creates }: { creates: boolean }): Promise<string> {
  if (typeof file !== 'string' || file === '' || file.startsWith(':'))
    throw new InvalidOptionError('file', 'the path of a file; in memory there is memoryStore()', file)
  const folder = dirname(resolve(file))
  try {
    if (creates) await mkdir(folder, { recursive: true })
    else if (!existsSync(file)) throw new MissingTables(`There is no file ${file}.`)
    if ((await stat(file).catch(() => undefined))?.isDirectory())
      throw notOpened(`${file} is a folder: give the path of a file in it.`)
    // SQLite keeps its two files beside the one that a link stands for.
    const place = await realpath(file).catch(async () => join(await realpath(folder), basename(file)))
    const network = await networkFileSystemOf(place)
    if (network === undefined) return place
    throw notOpened(
      `${file} is on a network file system (${network}), where SQLite's locks cannot be relied on: ` +
        'give a file on a disk of this machine, or use Postgres.',
    )
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw notOpened(`Cannot make the folder ${folder}: ${describe(error)}.`, error)
  }
}

/** Pages of 8 kB take a tenth less time than those of 4 kB. Sorting is done in memory, as far as there is any. */
const WRITER = `
  pragma cache_size = -65536; pragma temp_store = memory;
  pragma wal_autocheckpoint = 2000; pragma journal_size_limit = 67108864`
const READER = 'pragma cache_size = -16384; pragma query_only = true'

interface Opening {
  readonly connect: Connect
  readonly creates: boolean
  readonly settings: string
}

interface Connections {
  readonly writer: Connection | undefined
  readonly reader: Connection
}

/** How long an opening waits for others that open the same file, in milliseconds. */
const OPENING_MS = 10_000

async function openConnections(file: string, opening: Opening): Promise<Connections> {
  const until = performance.now() + OPENING_MS
  for (;;) {
    try {
      return openToWrite(file, opening) ?? openToRead(file, opening)
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw toSqliteError(error, file)
    }
    // Another process makes the tables, or the last of them closes the file.
    await sleep(5 + Math.random() * 20)
  }
}

/** @returns undefined where the file, or the folder in which the log stands beside it, may only be read */
function openToWrite(file: string, { connect, creates, settings }: Opening): Connections | undefined {
  const opened: Connection[] = []
  try {
    const writer = connect(file, 'write')
    opened.push(writer)
    prepare(writer, file, { creates })
    writer.exec(settings)
    requireWritable(writer)
    const reader = connect(file, 'read')
    opened.push(reader)
    reader.exec(READER)
    return { writer, reader }
  } catch (error) {
    for (const connection of opened) connection.close()
    if (isRefused(error) && !hasNoSpace(file)) return undefined
    throw error
  }
}

/** SQLite opens a file to read where it may not write, and says so with the first write: this one changes nothing. */
function requireWritable(writer: Connection): void {
  try {
    writer.exec(`begin immediate; pragma user_version = ${VERSION}; rollback`)
  } catch (error) {
    // Another one writes: then so may this one. What fails leaves the transaction open.
    if (!isBusy(error)) throw error
  }
}

/** Makes the tables where there are none. */
function prepare(writer: Connection, file: string, { creates }: { creates: boolean }): void {
  if (isReady(writer, file)) return
  if (!creates) throw new MissingTables(`There is no backfill in ${file}.`)
  writer.exec('pragma page_size = 8192; pragma journal_mode = wal; begin immediate')
  try {
    // Another process may have been faster.
    if (!isReady(writer, file)) createTables(writer)
    writer.exec('commit')
  } catch (error) {
    rollBack(writer)
    throw error
  }
}

/** Whether the tables are there. @throws BackfillError when there is something else */
function isReady(connection: Connection, file: string): boolean {
  const found = whatIsIn(connection)
  if (found === 'foreign')
    throw notOpened(`${file} is a database of another program: give a file of its own.`)
  if (found === 'newer') throw notOpened(`${file} was made by a newer version of this program: use that one.`)
  return found === 'tables'
}

/**
 * Where SQLite could not make its two files beside the database, nothing can write to it either as long as there are
 * none: then it is read as it is.
 */
function openToRead(file: string, { connect, creates }: Opening): Connections {
  if (!existsSync(file)) throw notWritable(file)
  const unchanging = `${pathToFileURL(file)}?immutable=1`
  for (const path of existsSync(`${file}-wal`) ? [file] : [file, unchanging]) {
    const reader = connect(path, 'read')
    try {
      reader.exec(READER)
      if (isReady(reader, file)) return { writer: undefined, reader }
      throw creates ? notWritable(file) : new MissingTables(`There is no backfill in ${file}.`)
    } catch (error) {
      reader.close()
      if (path === unchanging || !isRefused(error)) throw error
    }
  }
  throw notWritable(file)
}

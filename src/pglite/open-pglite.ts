import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect } from 'kysely'
import { InvalidOptionError, StoreUnavailableError } from '../errors.ts'
import { type OpenStore, openStore } from '../kysely/open-store.ts'
import type { BackfillDatabase, SchemaOptions } from '../kysely/schema.ts'
import { describe } from '../util/describe.ts'
import { type OptionNames, refuseUnknown } from '../util/validate-options.ts'

export interface PGliteOptions extends SchemaOptions {}

const OPTIONS: OptionNames<PGliteOptions> = { schema: true }

/**
 * Opens PGlite, a Postgres inside this process, for a backfill: migrated, in a folder or in memory.
 *
 * What is committed survives the end of the process, however it comes; PGlite does not ask the disk to write at once,
 * so the last moments before a power cut may be lost. Only one process at a time can use a folder: PGlite would let a
 * second one in, and both would spoil it. That is refused here among the processes of one machine; processes in
 * several containers or machines on a shared folder are not noticed.
 *
 * @param folder where the database is kept, made with its parents when missing; in memory without one
 * @throws StoreUnavailableError when the folder is in use, holds something else or cannot be opened
 */
export async function openPGlite(folder?: string, options: PGliteOptions = {}): Promise<OpenStore> {
  return open(folder, options, { creates: true })
}

/**
 * As {@link openPGlite} in a folder that holds a database, but creates no tables.
 *
 * @throws MissingTables when there are none
 */
export async function openExistingPGlite(folder: string, options: PGliteOptions): Promise<OpenStore> {
  return open(folder, options, { creates: false })
}

async function open(
  folder: string | undefined,
  options: PGliteOptions,
  { creates }: { creates: boolean },
): Promise<OpenStore> {
  refuseUnknown(options, OPTIONS)
  const opened = { schema: options.schema, creates }
  if (folder === undefined) return openStore(kyselyOn(await PGlite.create()), opened)
  if (typeof folder !== 'string' || folder === '')
    throw new InvalidOptionError('folder', 'the path of a folder', folder)
  const guard = await claimFolder(await existing(resolve(folder)))
  const release = () => close(guard)
  const pglite = await openFolder(folder).catch(async (error: unknown) => {
    await release()
    throw error
  })
  return openStore(kyselyOn(pglite), opened, release)
}

function kyselyOn(pglite: PGlite): Kysely<BackfillDatabase> {
  return new Kysely<BackfillDatabase>({ dialect: new PGliteDialect({ pglite }) })
}

async function existing(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true })
    return await realpath(folder)
  } catch (error) {
    throw new StoreUnavailableError(`Cannot make the folder ${folder}: ${describe(error)}.`, error)
  }
}

async function openFolder(folder: string): Promise<PGlite> {
  try {
    const foreign = foreignIn(await readdir(folder))
    if (foreign !== undefined) throw new Error(`it holds ${foreign} and no database`)
    return await PGlite.create(resolve(folder))
  } catch (error) {
    const message = `Cannot open the database in ${folder}: ${describe(error)}. Give an empty folder or one of PGlite's.`
    throw new StoreUnavailableError(message, error)
  }
}

/** What Postgres makes in the folder of a database; its version is the last that PGlite writes of it. */
const DATABASE_FILES =
  /^(?:base|global|pg_\w+(?:\.conf)?|postgresql(?:\.auto)?\.conf|postmaster\.(?:pid|opts))$/

/**
 * PGlite would make its database among whatever files there are. Its own are let through also where their making broke
 * off, with the process: then PGlite begins anew.
 */
function foreignIn(files: readonly string[]): string | undefined {
  return files.includes('PG_VERSION') ? undefined : files.find((file) => !DATABASE_FILES.test(file))
}

/**
 * Holds a folder by listening on a local address made from its path. Unlike a file with a process id, such an address
 * ends with the process, so nothing stale is left by a crash.
 */
async function claimFolder(folder: string): Promise<Server> {
  const address = addressOf(folder)
  try {
    return await listen(address)
  } catch (error) {
    if (!isInUse(error) || !isFile(address) || (await answers(address))) throw inUse(folder, error)
    await rm(address, { force: true })
    return await listen(address)
  }
}

/** On Linux in the abstract namespace, on Windows a pipe: neither leaves a file. Elsewhere a socket in a file. */
function addressOf(folder: string): string {
  const name = `collection-backfill-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
}

function isFile(address: string): boolean {
  return !address.startsWith('\0') && process.platform !== 'win32'
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  server.listen(address)
  await once(server, 'listening')
  server.unref()
  return server
}

async function answers(address: string): Promise<boolean> {
  const socket = connect(address)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}

function inUse(folder: string, error: unknown): StoreUnavailableError {
  const why = isInUse(error) ? 'another store of this process or of another one has it open' : describe(error)
  return new StoreUnavailableError(`The folder ${folder} cannot be used: ${why}.`, error)
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  await closed
}

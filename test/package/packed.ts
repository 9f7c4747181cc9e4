import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))

/** The name by which the package is installed and imported. */
export const PACKAGE = 'atproto-collection-backfill'

/** Peers that a user installs only for the entry points that need them. */
export const OPTIONAL_PEERS = ['@opentelemetry/api', 'kysely', 'pg'] as const

/** The declarations compile from this one on, which is also the oldest that Kysely takes. */
export const OLDEST_TYPESCRIPT = '5.4.5'

/** What these tests read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** @param folder that holds a package.json */
export async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
}

/** The specifiers that a user can import: `atproto-collection-backfill/kysely` and so on. */
export function entriesOf({ exports }: Manifest): string[] {
  return Object.keys(exports)
    .filter((path) => !path.endsWith('.json'))
    .map((path) => join(PACKAGE, path))
}

export interface Packed {
  /** The path of the tarball. */
  readonly tarball: string
  /** In bytes, as it is downloaded. */
  readonly size: number
  readonly files: readonly string[]
}

/** Packs the package as `npm publish` would, and as from a fresh clone: no `dist` is there before. */
export async function pack(folder: string): Promise<Packed> {
  await rm(join(ROOT, 'dist'), { recursive: true, force: true })
  // What the scripts print would be among the JSON.
  const args = ['pack', '--json', '--foreground-scripts=false', '--pack-destination', folder]
  const stdout = await npm(ROOT, args)
  const [{ filename, size, files }] = JSON.parse(stdout)
  return { tarball: join(folder, filename), size, files: files.map(({ path }: { path: string }) => path) }
}

/** An empty project that has nothing but these packages installed, from the registry or from a tarball. */
export async function install(folder: string, packages: readonly string[]): Promise<string> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  await npm(folder, ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages])
  return folder
}

/** The optional peers at the version that this repository has been tested with. */
export async function optionalPeers(): Promise<string[]> {
  return await Promise.all(OPTIONAL_PEERS.map(atTestedVersion))
}

/** A package to install, at the version that the tests use. */
export async function atTestedVersion(name: string): Promise<string> {
  const { devDependencies } = await manifestOf(ROOT)
  return `${name}@${devDependencies[name]}`
}

async function npm(cwd: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run('npm', args, { cwd, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

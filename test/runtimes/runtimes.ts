import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installCached } from '../support/cached-packages.ts'

const run = promisify(execFile)

/** The packages that hold a runtime, at the versions that are tested; Node 24 is the one that runs everything else. */
const PACKAGES = {
  node22: `npm:node-${process.platform}-${process.arch}@22.23.3`,
  node26: `npm:node-${process.platform}-${process.arch}@26.9.0`,
  bun: '1.4.4',
  deno: '2.9.6',
} as const

/** A runtime and how it runs a program. */
export interface Runtime {
  readonly name: string
  readonly command: string
  /** What stands before the program's file. */
  readonly args: readonly string[]
}

const NODE24: Runtime = { name: 'node24', command: process.execPath, args: [] }

/** The names by which runtimes are chosen. */
export const RUNTIMES: readonly string[] = ['node22', 'node24', 'node26', 'bun', 'deno']

/** Installs the runtimes that are chosen, from the package registry. */
export async function installRuntimes(names: readonly string[]): Promise<Runtime[]> {
  const chosen = Object.entries(PACKAGES).filter(([name]) => names.includes(name))
  // Their scripts would only move the binaries that the packages for this platform hold anyway.
  const packages = chosen.length === 0 ? '' : await installCached('runtimes', Object.fromEntries(chosen))
  const installed = chosen.map(([name]) => runtimeOf(name, packages))
  return names.includes(NODE24.name) ? [NODE24, ...installed] : installed
}

function runtimeOf(name: string, packages: string): Runtime {
  if (name === 'bun') return { name, command: binary(packages, '@oven', 'bin/bun'), args: ['run'] }
  if (name === 'deno') {
    const args = ['run', '--allow-all', '--node-modules-dir=manual']
    return { name, command: binary(packages, '@deno', 'deno'), args }
  }
  return { name, command: join(packages, name, 'bin/node'), args: [] }
}

/** The one package of a scope that npm has found to be for this platform. */
function binary(packages: string, scope: string, path: string): string {
  const [found] = globSync(join(packages, scope, '*', path))
  if (found === undefined) throw new Error(`There is no ${scope} for ${process.platform} on ${process.arch}.`)
  return found
}

/** What a runtime says of its own version. */
export async function versionOf({ command }: Runtime): Promise<string> {
  const { stdout } = await run(command, ['--version'])
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim()
}

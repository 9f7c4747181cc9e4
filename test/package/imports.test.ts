import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, inject, it } from 'vitest'
import { manifestOf, PACKAGE } from './packed.ts'

const installed = join(inject('bareProject'), 'node_modules', PACKAGE)

/** What each entry point may load besides its own files; `node:` stands for every module of Node. */
const MAY_LOAD: Record<string, readonly string[]> = {
  '.': ['@atproto/syntax', 'is-network-error', 'ky', 'p-limit', 'p-retry'],
  './kysely': ['kysely'],
  // Node's: what a URL's certificates hold is read before it is used.
  './postgres': ['kysely', 'node:', 'pg'],
  // Bun's is imported by a name that no tool sees.
  './sqlite': ['node:'],
  './server': ['@atproto/syntax'],
  // Its websocket is one that can make a server wait.
  './live': ['@atproto/syntax', 'cborg', 'is-network-error', 'p-retry', 'ws'],
  './opentelemetry': ['@opentelemetry/api'],
  './testing': ['@atproto/syntax', 'node:'],
}

/** Every import in a file, in JavaScript and in declarations, the dynamic ones too. */
function importsOf(file: string): string[] {
  return ts
    .preProcessFile(readFileSync(join(installed, file), 'utf8'), true, true)
    .importedFiles.map(({ fileName }) => fileName)
}

const packageOf = (specifier: string): string =>
  isBuiltin(specifier) ? 'node:' : specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')

const isRelative = (specifier: string) => specifier.startsWith('.')

/** The packages that a file brings with it, by way of every file that it imports. */
function reachedFrom(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return new Set()
  seen.add(file)
  const imports = importsOf(file)
  const own = imports.filter((specifier) => !isRelative(specifier)).map(packageOf)
  const further = imports.filter(isRelative).map((path) => reachedFrom(join(dirname(file), path), seen))
  return new Set([...own, ...further.flatMap((packages) => [...packages])])
}

describe('what the package imports', () => {
  const files = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:js|d\.ts)$/.test(file))
    .map((file) => join('dist', file))
  const imported = new Set(
    files
      .flatMap(importsOf)
      .filter((name) => !isRelative(name) && !isBuiltin(name))
      .map(packageOf),
  )

  it('is declared, and what is declared is imported', async () => {
    const { dependencies, peerDependencies } = await manifestOf(installed)
    const declared = [...Object.keys(dependencies), ...Object.keys(peerDependencies)]
    expect([...imported].toSorted()).toEqual(declared.toSorted())
  })

  it('names modules of Node with their prefix, which Deno and workers need', () => {
    const bare = files.flatMap(importsOf).filter((name) => isBuiltin(name) && !name.startsWith('node:'))
    expect(bare).toEqual([])
  })

  it('is for each entry point what the design allows', async () => {
    const { exports } = await manifestOf(installed)
    const entries = Object.entries(exports).flatMap(([path, target]) =>
      typeof target === 'string' ? [] : ([[path, target.default]] as const),
    )
    expect(entries.map(([path]) => path)).toEqual(Object.keys(MAY_LOAD))
    for (const [path, target] of entries)
      expect([...reachedFrom(target)].toSorted(), path).toEqual(MAY_LOAD[path])
  })
})

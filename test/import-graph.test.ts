import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../src/', import.meta.url))
const files = globSync('**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.d.ts'))

/** What each file of `src` imports from `src`, types included. */
const graph = new Map(files.map((file) => [file, importsOf(file)]))

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return Array.from(found, ([, path = '']) => join(dirname(file), path)).filter((path) =>
    files.includes(path),
  )
}

/** The files of the first circle that is found, in its order. */
function circle(): string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const next of graph.get(file) ?? []) {
      const found = visit(next, [...way, file])
      if (found) return found
    }
    done.add(file)
    return undefined
  }
  for (const file of files) {
    const found = visit(file, [])
    if (found) return found
  }
  return undefined
}

it('imports in src, types included, run in no circle', () => {
  expect([...graph.values()].flat().length).toBeGreaterThan(files.length)
  expect(circle()).toBeUndefined()
})

it('contracts know nothing of adapters, and errors know only contracts and words', () => {
  const outside = [...graph]
    .filter(([file]) => file.startsWith('contracts/') || file === 'errors.ts')
    .flatMap(([, imports]) => imports)
    .filter((file) => !/^(?:contracts\/|errors\.ts$|util\/)/.test(file))
  expect(outside).toEqual([])
})

it('a store knows no other store, but for Postgres, which is one of Kysely', () => {
  const storeOf = (file: string) => /^(kysely|memory|postgres|sqlite)\//.exec(file)?.[1]
  const known = [...graph].flatMap(([file, imports]) =>
    imports.flatMap((to) => {
      const [one, other] = [storeOf(file), storeOf(to)]
      return one !== undefined && other !== undefined && one !== other ? [`${one} knows ${other}`] : []
    }),
  )
  expect([...new Set(known)]).toEqual(['postgres knows kysely'])
})

it('a file is found by its name alone', () => {
  const names = files.map((file) => basename(file)).filter((name) => name !== 'index.ts')
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

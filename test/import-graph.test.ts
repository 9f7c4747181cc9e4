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
    .filter(([file]) => /^(?:contracts\/|errors\b)/.test(file))
    .flatMap(([, imports]) => imports)
    .filter((file) => !/^(?:contracts\/|errors\b|util\/)/.test(file))
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

/** Which rooms of `src` know which others, as 'run knows http'. */
function roomsKnown(rooms: RegExp, others: RegExp): string[] {
  const roomOf = (file: string) => file.split('/')[0] ?? ''
  const known = [...graph].flatMap(([file, imports]) =>
    imports
      .filter((to) => roomOf(to) !== roomOf(file) && rooms.test(roomOf(file)) && others.test(roomOf(to)))
      .map((to) => `${roomOf(file)} knows ${roomOf(to)}`),
  )
  return [...new Set(known)]
}

it('what works on a store knows its contract, and no store', () => {
  const work = /^(?:run|paging|live|crawl|prune|transfer|verify|monitor|server|opentelemetry)$/
  expect(roomsKnown(work, /^(?:kysely|memory|postgres|sqlite)$/)).toEqual([])
})

it('import, feed, crawl, transfer and verification do not know each other; prune takes its digests from verify', () => {
  const jobs = /^(?:live|crawl|prune|transfer|verify|server)$/
  expect(roomsKnown(jobs, jobs)).toEqual(['prune knows verify'])
  expect(roomsKnown(/^(?:run|paging|http|relay|sources|progress|monitor|util)$/, jobs)).toEqual([])
})

it('the command line puts everything together, and is known to nothing', () => {
  expect(roomsKnown(/./, /^(?:cli|testing)$/)).toEqual([])
})

it('a file is found by its name alone', () => {
  const names = files.map((file) => basename(file)).filter((name) => name !== 'index.ts')
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

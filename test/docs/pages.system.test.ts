import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { migrateToLatest } from '../../src/kysely/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { blocksOf, complaintsOf, relativeLinksOf } from '../support/compile.ts'
import { createPostgres } from '../support/databases.ts'
import { runProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { declarations } from './tables.ts'

const folder = fileURLToPath(new URL('../../src/docs/', import.meta.url))
const pages = readdirSync(folder)
const textOf = (page: string) => readFileSync(join(folder, page), 'utf8')

/**
 * Runs what a page shows, with further lines that use it, and gives what it prints.
 *
 * @param standIns what is replaced in the code shown, and by what
 */
async function runOf(
  page: string,
  block: number,
  use: string,
  standIns: readonly (readonly [string, string])[] = [],
): Promise<string> {
  await using temporary = await temporaryFolder()
  const file = join(temporary.path, 'program.ts')
  const shown = standIns.reduce(
    (code, [from, to]) => {
      expect(code).toContain(from)
      return code.replace(from, to)
    },
    blocksOf(textOf(page), 'ts')[block] ?? '',
  )
  await writeFile(file, `${shown}\n${use}`)
  const imports = [new URL('../examples/from-source.ts', import.meta.url).href]
  const { code, stdout, stderr } = await runProgram(file, { imports })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

describe.each(pages)('%s', (page) => {
  it('has the title that its file promises, once for the site and once for its reader', () => {
    const [, title, heading] = /^---\ntitle: (.+)\n---\n\n# (.+)\n/.exec(textOf(page)) ?? []
    expect(title).toBeDefined()
    expect(heading).toBe(title)
  })

  it('leads to files that exist', () => {
    expect(relativeLinksOf(textOf(page)).filter((path) => !existsSync(join(folder, path)))).toEqual([])
  })
})

it('the pages show code that compiles', () => {
  const codes = pages.flatMap((page) => blocksOf(textOf(page), 'ts'))
  expect(codes.length).toBeGreaterThan(2)
  expect(complaintsOf(codes)).toEqual(codes.map(() => []))
})

it('the pages name what there is: contracts with their methods, errors, functions', () => {
  const declared = declarations()
  const exported = readFileSync(fileURLToPath(new URL('../package/names.txt', import.meta.url)), 'utf8')
  const names = new Set(exported.split('\n').map((line) => line.trim().replace(/^type /, '')))
  const isThere = (span: string) => {
    const [name = '', member] = span.split('.')
    if (member === undefined) return names.has(name)
    return declared.members('index.ts', name).some((each) => each.name === member)
  }
  // `ProgressStore.advance`, `StoreUnavailableError`: what begins with a capital letter and goes on in small ones.
  const spans = pages.flatMap((page) => [...textOf(page).matchAll(/`([A-Z][a-z]+[A-Z]\w+(?:\.\w+)?)`/g)])
  expect(spans.length).toBeGreaterThan(20)
  expect(spans.map(([, span = '']) => span).filter((span) => !isThere(span))).toEqual([])
})

it('all pages are part of the site', () => {
  const { projectDocuments } = JSON.parse(readFileSync(join(folder, '../../typedoc.json'), 'utf8'))
  expect(projectDocuments).toEqual(expect.arrayContaining(pages.map((page) => `src/docs/${page}`)))
})

describe('what the pages show does what they say', () => {
  it('operating.md: each statement runs on the tables as they are', async () => {
    await using database = await createPostgres()
    await migrateToLatest(database.db)
    const statements = blocksOf(textOf('operating.md'), 'sql')
    expect(statements.length).toBeGreaterThan(4)
    for (const statement of statements) await sql.raw(statement).execute(database.db)
  })

  it('operating.md: a collection that was given up is tried again', async () => {
    const use = `
      import { memoryProgressStore } from 'atproto-collection-backfill'
      const progress = memoryProgressStore()
      await progress.register('relay.example', [{ nsid: 'app.bsky.feed.post' }])
      const claim = await progress.claim({ relay: 'relay.example', owner: 'one', leaseMs: 1_000 })
      if (claim) await progress.release(claim, { kind: 'failed', error: 'gone' })
      console.log(await tryAgain(progress, 'relay.example'))`
    expect(await runOf('operating.md', 0, use)).toBe('1\n')
  })

  it('adapters.md: the source gives what its document lists', async () => {
    const document = 'data:text/plain,app.bsky.feed.post%0Aapp.bsky.feed.like%0A'
    const use = `for await (const { nsid } of listedAt('${document}').collections()) console.log(nsid)`
    expect(await runOf('adapters.md', 0, use)).toBe('app.bsky.feed.post\napp.bsky.feed.like\n')
  })

  it('adapters.md: the suite passes on the store that is shown', async () => {
    expect(await runOf('adapters.md', 1, 'console.log(broken.length)')).toBe('0\n')
  })

  it('machines.md: two workers share the collections', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `com.example.collection${i}`)
    const sizes = Object.fromEntries(names.map((name) => [name, 50]))
    await using relay = await startRelay({ collections: { 'app.bsky.actor.profile': 1, ...sizes } })
    await using database = await createPostgres()
    const use = `
      const { signal } = new AbortController()
      const url = '${database.url}'
      const completed = await Promise.all([worker(url, signal), worker(url, signal)])
      console.log(completed.reduce((sum, count) => sum + count, 0))`
    const local = [
      ["'relay1.us-east.bsky.network'", `'${relay.url}'`],
      ['lexiconGarden()', `lexiconGarden({ url: '${relay.gardenUrl}' })`],
    ] as const
    expect(await runOf('machines.md', 0, use, local)).toBe('13\n')
  })
})

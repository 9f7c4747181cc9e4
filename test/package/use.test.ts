import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { type Ended, runProgram } from '../support/program.ts'
import { entriesOf, manifestOf, OPTIONAL_PEERS, PACKAGE, ROOT } from './packed.ts'

const bare = inject('bareProject')
const full = inject('fullProject')

/** Runs a program that stands in a project, as `node program.ts` there. */
async function runIn(project: string, file: string, code: string): Promise<Ended> {
  await writeFile(join(project, file), code)
  return await runProgram(join(project, file), {
    cwd: project,
    env: { NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
  })
}

/** Gives what an import of each entry point came to: nothing, or the error. */
async function importAll(project: string): Promise<Record<string, string>> {
  const entries = entriesOf(await manifestOf(join(project, 'node_modules', PACKAGE)))
  const code = `
    const outcomes = {}
    for (const entry of ${JSON.stringify(entries)})
      outcomes[entry] = await import(entry).then(() => '', (error) => error.message)
    console.log(JSON.stringify(outcomes))`
  const { code: exit, stdout, stderr } = await runIn(project, 'import-all.js', code)
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('in a project of JavaScript', () => {
  it('every entry point is imported by its name', async () => {
    const outcomes = await importAll(full)
    expect(Object.keys(outcomes)).toHaveLength(8)
    expect(Object.values(outcomes).filter((error) => error !== '')).toEqual([])
  })

  it('alone gets no driver, and only the entry points that need a package say which one is missing', async () => {
    expect(OPTIONAL_PEERS.filter((peer) => existsSync(join(bare, 'node_modules', peer)))).toEqual([])
    const outcomes = await importAll(bare)
    const missing = Object.entries(outcomes).filter(([, error]) => error !== '')
    expect(missing.map(([entry]) => entry)).toEqual(
      ['kysely', 'opentelemetry'].map((path) => `${PACKAGE}/${path}`),
    )
    for (const [entry, error] of missing)
      expect(
        OPTIONAL_PEERS.some((peer) => error.includes(`Cannot find package '${peer}'`)),
        entry,
      ).toBe(true)
  })

  it.each([
    ['a url', `'postgres://localhost/app'`, 'npm install pg kysely'],
    ['a pool', `{ connect() {}, options: {} }`, 'npm install kysely'],
  ])('alone, openPostgres with %s says what to install', async (_, given, command) => {
    const code = `
      import { openPostgres } from '${PACKAGE}/postgres'
      await openPostgres(${given}).catch((error) => console.log(error.code, error.message))`
    const { stdout, stderr } = await runIn(bare, 'no-driver.js', code)
    expect({ stdout, stderr }).toEqual({
      stdout: expect.stringMatching(new RegExp(`^NOT_INSTALLED openPostgres needs .*: ${command}\n$`)),
      stderr: '',
    })
  })

  it('a file that is not exported cannot be imported', async () => {
    const { code, stderr } = await runIn(bare, 'deep.js', `await import('${PACKAGE}/dist/walk.js')`)
    expect(code).toBe(1)
    expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('under ten lines fill an index from the bundled relay', async () => {
    const lines = [
      `import { createBackfiller, lexiconGarden } from '${PACKAGE}'`,
      `import { openSqlite } from '${PACKAGE}/sqlite'`,
      `import { startRelay } from '${PACKAGE}/testing'`,
      `await using relay = await startRelay({ collections: { 'app.bsky.actor.profile': 4_500, 'app.bsky.feed.like': 30 } })`,
      `await using store = await openSqlite('ten-lines.sqlite')`,
      `const collections = [lexiconGarden({ url: relay.gardenUrl }), store.observed]`,
      `const { index } = store`,
      `for await (const page of createBackfiller({ relay: relay.url, collections, store })) console.log(page.collection, page.added)`,
      `console.log(await index.countRepos('app.bsky.actor.profile'), await index.countRepos('app.bsky.feed.like'))`,
    ]
    expect(lines.length).toBeLessThan(10)
    const { code, stdout, stderr } = await runIn(full, 'ten-lines.js', lines.join('\n'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const pages = stdout.trim().split('\n')
    expect(pages.at(-1)).toBe('4500 30')
    const added = pages.slice(0, -1).map((line) => Number(line.split(' ')[1]))
    expect(added.reduce((sum, count) => sum + count, 0)).toBe(4_530)
  })
})

describe('the README', () => {
  const [, loop = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []

  /** The loop with what stands in for the relay and for a Postgres; each has to be found in it. */
  function onThisMachine(code: string): string {
    const standIns = [
      [`'relay1.us-east.bsky.network'`, 'relay.url'],
      [
        `import { openPostgres } from '${PACKAGE}/postgres'`,
        `import { openSqlite } from '${PACKAGE}/sqlite'`,
      ],
      [`openPostgres('postgres://localhost/relay')`, `openSqlite('readme.sqlite')`],
    ] as const
    return standIns.reduce((text, [from, to]) => {
      expect(text).toContain(from)
      return text.replace(from, to)
    }, code)
  }

  it("has a loop that runs as it stands, with this machine's relay and database in place of its own", async () => {
    const before = `import { startRelay } from '${PACKAGE}/testing'
      const collections = { 'app.bsky.actor.profile': 4_500 }
      const script = ({ path }) => path === '/v1/listCollections' ? { status: 200, body: { collections } } : undefined
      const relay = await startRelay({ collections, script })
      const realFetch = globalThis.fetch
      globalThis.fetch = (input, init) => {
        const request = new Request(input, init)
        return request.url.startsWith('https://lexicon.garden/') ? realFetch(relay.gardenUrl) : realFetch(request)
      }\n`
    const after = '\nawait relay.close()'
    const { code, stdout, stderr } = await runIn(full, 'readme-loop.js', before + onThisMachine(loop) + after)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trim().split('\n')
    expect(lines.at(-1)).toMatch(/^app\.bsky\.actor\.profile \d+ 4500$/)
    const added = lines.map((line) => Number(line.split(' ')[1]))
    expect(added.reduce((sum, count) => sum + count, 0)).toBe(4_500)
  })
})

describe('the command line', () => {
  it('is a program of the project it is installed in', async () => {
    const { version } = await manifestOf(join(bare, 'node_modules', PACKAGE))
    const { code, stdout } = await runProgram(join(bare, 'node_modules/.bin/atproto-collection-backfill'), {
      args: ['--version'],
    })
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${version}\n` })
  })
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { migrateToLatest } from '../../src/kysely/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { blocksOf } from '../support/compile.ts'
import { createPostgres } from '../support/databases.ts'
import { startProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { isServer, pages, programsOf, readme, type Shown } from './shown-code.ts'
import { declarations } from './tables.ts'

const exported = declarations().exports('index.ts')
const imports = ['../examples/from-source.ts', './stand-ins.ts'].map(
  (path) => new URL(path, import.meta.url).href,
)
const collections = {
  'app.bsky.actor.profile': 2_500,
  'app.bsky.feed.post': 300,
  'com.whtwnd.blog.entry': 20,
}

/** A repo whose host is a stand-in too. */
const REPO = 'did:plc:z72i7hdynmk6r22z27h6tvur'

/** What the servers of the documents answer beside a relay's lists of repos. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  '/v1/listCollections': { collections },
  '/xrpc/com.atproto.sync.listRepos': { repos: [] },
  [`/${REPO}`]: {
    id: REPO,
    service: [
      {
        id: '#atproto_pds',
        type: 'AtprotoPersonalDataServer',
        serviceEndpoint: 'https://relay.example',
      },
    ],
  },
  '/xrpc/com.atproto.repo.describeRepo': { did: REPO, collections: ['app.bsky.feed.post'] },
  '/xrpc/com.atproto.sync.listHosts': { hosts: [{ hostname: 'relay.example', accountCount: 0 }] },
}

/** What a block that only defines something is used for, by its page and its first words; with what it prints then. */
const USES: Readonly<Record<string, { readonly use: string; readonly prints: string }>> = {
  listedAt: {
    use: `for await (const { nsid } of listedAt('data:text/plain,a.b.c%0Aa.b.d%0A').collections()) console.log(nsid)`,
    prints: 'a.b.c\na.b.d\n',
  },
  worker: {
    use: `const { signal } = new AbortController()
      const url = 'postgres://localhost/relay'
      const completed = await Promise.all([worker(url, signal), worker(url, signal)])
      console.log(completed.reduce((sum, count) => sum + count, 0))`,
    prints: '3\n',
  },
  tryAgain: {
    use: `import { memoryStore } from 'atproto-collection-backfill'
      const { progress } = memoryStore()
      await progress.register('relay.example', [{ nsid: 'app.bsky.feed.post' }])
      const claim = await progress.claim({ relay: 'relay.example', owner: 'one', leaseMs: 1_000 })
      if (claim) await progress.release(claim, { kind: 'failed', error: 'gone' })
      console.log(await tryAgain(progress, 'relay.example'))`,
    prints: '1\n',
  },
}

/** Runs a program of the documents as it stands, but for the address of its database. @returns what it prints */
async function printedBy(code: string): Promise<string> {
  await using folder = await temporaryFolder()
  await using database = await createPostgres()
  await using relay = await startRelay({
    collections,
    script: ({ path }) => (Object.hasOwn(ANSWERS, path) ? { status: 200, body: ANSWERS[path] } : undefined),
  })
  const file = join(folder.path, 'program.ts')
  // A server is left running by its program; here it ends once it listens.
  const end = isServer(code) ? '\nsetTimeout(() => process.exit(), 100)' : ''
  const local = code.replaceAll('postgres://localhost/relay', database.url).replace(/port: \d+/, 'port: 0')
  await writeFile(file, local + end)
  const env = {
    STAND_IN_RELAY: relay.url,
    STAND_IN_GARDEN: relay.gardenUrl,
    ADMIN_TOKEN: 'a-token-of-some-length',
    // As the page on SQLite says.
    NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
  }
  await using program = startProgram(file, { imports, env, cwd: folder.path })
  const { code: exit, stdout, stderr } = await program.ended
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  return stdout
}

const programs = [readme, ...pages].flatMap((shown: Shown) =>
  programsOf(shown, exported).map((code, i) => ({ name: `${shown.path}, program ${i + 1}`, code })),
)

describe('what the documents show runs as it stands', () => {
  it.each(programs)('$name', async ({ code }) => {
    const [, defined = ''] = /export (?:async )?function (\w+)/.exec(code) ?? []
    const { use, prints } = USES[defined] ?? {}
    const printed = await printedBy(use === undefined ? code : `${code}\n${use}`)
    if (prints !== undefined) expect(printed).toBe(prints)
  })

  it('the first program of the README prints a line for each commit', async () => {
    const [first = ''] = programsOf(readme, exported)
    const lines = (await printedBy(first)).trim().split('\n')
    const imported = lines
      .map((line) => /^(\S+) \d+ (\d+)$/.exec(line))
      .map((match) => [match?.[1], Number(match?.[2])])
    expect(imported).toEqual(expect.arrayContaining([...Object.entries(collections)]))
  })

  const pagesWithSql = [readme, ...pages].filter(
    ({ path, text }) => blocksOf(text, 'sql').length > 0 && !path.endsWith('machines.md'),
  )
  it.each(pagesWithSql)('$path: each statement', async ({ text }) => {
    await using database = await createPostgres()
    await migrateToLatest(database.db)
    for (const statement of blocksOf(text, 'sql')) await sql.raw(statement).execute(database.db)
  })
})

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openPGlite } from 'atproto-collection-backfill/pglite'
import { startRelay } from 'atproto-collection-backfill/testing'
import { describe, expect, test } from 'vitest'
import { freePort } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { runExample, startExample } from './run-example.ts'

const DEMO = 'demo/main.ts'
const TIMEOUT_MS = 120_000

describe('the demo on its own relay', () => {
  test(
    'stopped by Ctrl-C in the middle, ends soon, resumes, and equals the relay',
    async () => {
      await using folder = await temporaryFolder()
      const args = [
        '--pairs',
        '40000',
        '--port',
        String(await freePort()),
        '--data',
        join(folder.path, 'data'),
      ]

      // 1,287 collections at this latency take longer than the first line of progress, by far.
      await using first = startExample(DEMO, { args: [...args, '--latency', '60'] })
      await first.until(/ s · \d+ of 1,287 collections/)
      const interruptedAt = performance.now()
      first.kill('SIGINT')
      const { code, stdout, stderr } = await first.ended
      // A second for the run to settle, and one to close the database and end the process.
      expect(performance.now() - interruptedAt).toBeLessThan(2_000)
      expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
      const [, done, pairs] = /Stopped: (\d+) of 1,287 collections done, ([\d,]+) pairs/.exec(stdout) ?? []
      expect(stdout).toMatch(/The next start resumes there\.\n$/)

      const second = await runExample(DEMO, { args: [...args, '--latency', '0'] })
      expect(second).toMatchObject({ code: 0, stderr: '' })
      expect(second.stdout).toContain(`resuming: ${done} of 1,287 collections done, ${pairs} pairs\n`)
      expect(second.stdout).toMatch(/✓ index equals the relay: 4\d,\d{3} pairs in 1,287 collections\n$/)
    },
    TIMEOUT_MS,
  )

  test(
    'says so when the index is not equal to the relay',
    async () => {
      await using folder = await temporaryFolder()
      const data = join(folder.path, 'data')
      const args = ['--pairs', '2000', '--latency', '0', '--port', String(await freePort()), '--data', data]
      expect(await runExample(DEMO, { args })).toMatchObject({ code: 0, stderr: '' })
      {
        await using store = await openPGlite(data)
        await store.sink.add({
          source: 'x',
          collection: 'app.bsky.feed.post',
          dids: ['did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'],
        })
        const like = store.db
          .selectFrom('collection_index_nsid')
          .select('id')
          .where('nsid', '=', 'app.bsky.feed.like')
        await store.db.deleteFrom('collection_index_pair').where('collection_id', 'in', like).execute()
      }
      const { code, stdout } = await runExample(DEMO, { args })
      expect(code).toBe(1)
      expect(stdout).toContain('✗ index differs from the relay in 2 collections:')
      expect(stdout).toContain('app.bsky.feed.post: 0 missing, 1 that the relay does not hold')
      expect(stdout).toContain('app.bsky.feed.like: 450 missing, 0 that the relay does not hold')
    },
    TIMEOUT_MS,
  )
})

describe('the demo on another relay', () => {
  test('walks the collections that are named, and no others', async () => {
    await using relay = await startRelay({
      collections: {
        'app.bsky.actor.profile': 3_000,
        'app.bsky.feed.like': 10,
        'com.whtwnd.blog.entry': 4_500,
      },
    })
    await using folder = await temporaryFolder()
    const named = ['--collection', 'com.whtwnd.blog.entry', '--collection', 'app.bsky.actor.profile']
    const args = ['--relay', relay.url, ...named, '--data', join(folder.path, 'data')]
    const { code, stdout, stderr } = await runExample(DEMO, { args })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/2 collections +7,500 +5\n/)
    expect(stdout).not.toContain('✓')
    expect(relay.requestsOf('app.bsky.feed.like')).toEqual([])
  })

  test('a collection that fails is named, and the exit code tells', async () => {
    await using relay = await startRelay({
      collections: { 'app.bsky.actor.profile': 10, 'com.example.broken': 5 },
      script: ({ collection }) => (collection === 'com.example.broken' ? { status: 403 } : undefined),
    })
    await using folder = await temporaryFolder()
    const named = ['--collection', 'com.example.broken', '--collection', 'app.bsky.actor.profile']
    const args = ['--relay', relay.url, ...named, '--data', join(folder.path, 'data')]
    const { code, stdout, stderr } = await runExample(DEMO, { args })
    expect(code).toBe(1)
    expect(stderr).toMatch(/1 collection is not complete[\s\S]*com\.example\.broken: .*403/)
    expect(stdout).toMatch(/2 collections +10 /)
  })
})

describe('what cannot work is said in one line, without a stack', () => {
  async function refusalOf(args: readonly string[]): Promise<string> {
    await using folder = await temporaryFolder()
    const { code, stderr } = await runExample(DEMO, { args: ['--data', join(folder.path, 'data'), ...args] })
    expect(code).toBe(1)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    return stderr
  }

  test('a port that is taken', async () => {
    await using relay = await startRelay({ collections: {} })
    const { port } = new URL(relay.url)
    expect(await refusalOf(['--port', port])).toContain(`Port ${port} is taken`)
  })

  test('a relay that does not answer', async () => {
    const relay = `http://127.0.0.1:${await freePort()}`
    expect(await refusalOf(['--relay', relay, '--collection', 'com.example.a'])).toContain('ECONNREFUSED')
  })

  test.each([
    [['--relay', 'relay.example', '--collection', 'foo'], 'NSIDs such as app.bsky.feed.post, not "foo"'],
    [['--relay', 'ftp://x'], 'not "ftp://x"'],
    [['--collection', 'com.example.a'], '--collection needs --relay'],
    [['--pairs', '0'], '--pairs must be a whole number from 1'],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('%j', async (args, message) => {
    expect(await refusalOf(args)).toContain(message)
  })

  test('a folder that holds something else is not deleted', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'thesis.txt')
    await writeFile(file, 'mine')
    const args = ['--port', String(await freePort()), '--data', folder.path, '--fresh']
    expect(await refusalOf(args)).toContain('--fresh deletes databases only')
    expect(await readFile(file, 'utf8')).toBe('mine')
  })
})

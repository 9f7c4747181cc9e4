import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSqlite } from 'atproto-collection-backfill/sqlite'
import { startRelay } from 'atproto-collection-backfill/testing'
import { describe, expect, test } from 'vitest'
import { freePort } from '../support/program.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { openTerminal } from '../support/terminal.ts'
import { exampleLine, runExample, startExample } from './run-example.ts'

const DEMO = 'demo/main.ts'
const TIMEOUT_MS = 120_000

describe('the demo', () => {
  test(
    'in a terminal: stopped by Ctrl-C in the middle, ends soon, resumes, and equals the relay',
    async () => {
      await using folder = await temporaryFolder()
      const data = join(folder.path, 'data')
      const args = ['--pairs', '5000', '--port', String(await freePort()), '--data', data]
      await using terminal = await openTerminal({ columns: 80, rows: 24 })

      // 1,287 collections at this latency take longer than the first look at the screen, by far.
      await terminal.type(exampleLine(DEMO, [...args, '--latency', '60']))
      await terminal.until(/^ {2}[1-9][\d,]* of 1,287 collections +[\d,]+ imported/m, TIMEOUT_MS)
      const stopwatch = startStopwatch()
      await terminal.press('C-c')
      const [, done, pairs] = await terminal.until(
        /^Stopped: [\d.]+%, (\d+) of 1,287 collections complete, ([\d,]+) imported/m,
      )
      expect(stopwatch.stop()).toBeLessThan(1_500)
      await terminal.type('echo "code $?"')
      await terminal.until(/^code 130$/m)

      await terminal.clear()
      await terminal.type(`${exampleLine(DEMO, [...args, '--latency', '0'])}; echo "code $?"`)
      await terminal.until(
        /^✓ index equals http:\S+: [\d,]+ pairs in 1,287 collections\n.*requests.*\n*code 0$/m,
        TIMEOUT_MS,
      )
      expect(await terminal.screen()).toContain(` ${done} of 1,287 collections complete, ${pairs} imported\n`)
    },
    2 * TIMEOUT_MS,
  )

  test(
    'asked to end by another process, ends its backfill too',
    async () => {
      await using folder = await temporaryFolder()
      const data = join(folder.path, 'data')
      const args = ['--pairs', '2000', '--latency', '60', '--port', String(await freePort()), '--data', data]
      await using demo = startExample(DEMO, { args })
      await demo.until(/1,287 collections known/)
      demo.kill('SIGTERM')
      const { code, stdout } = await demo.ended
      expect(code).toBe(143)
      expect(stdout).toMatch(/^Stopped: .*\n.*\nRun the same command again to go on from there\.\n$/m)
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
        await using store = await openSqlite(data)
        await store.sink.add({
          relay: 'x',
          collection: 'app.bsky.feed.post',
          dids: ['did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'],
        })
        const { dids } = await store.index.listRepos('app.bsky.feed.like')
        await store.index.remove('app.bsky.feed.like', dids)
      }
      const { code, stdout } = await runExample(DEMO, { args })
      expect(code).toBe(1)
      expect(stdout).toMatch(/app\.bsky\.feed\.post.*\n.*did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/)
      expect(stdout).toMatch(/app\.bsky\.feed\.like.*450/)
    },
    TIMEOUT_MS,
  )
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

  test.each([
    [['--pairs', '0'], '--pairs must be a whole number from 1'],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('%j', async (args, message) => {
    expect(await refusalOf(args)).toContain(message)
  })

  test('a file that is something else is not deleted', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'thesis.txt')
    await writeFile(file, 'mine')
    const args = ['--port', String(await freePort()), '--data', file, '--fresh']
    expect(await refusalOf(args)).toContain('--fresh deletes databases of a backfill only')
    expect(await readFile(file, 'utf8')).toBe('mine')
  })
})

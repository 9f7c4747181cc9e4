import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNetwork, type TestNetwork } from '../../../src/testing/index.ts'
import { cli, jsonLines, startCli } from '../../support/cli.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const POST = 'app.bsky.feed.post'
let network: TestNetwork

beforeAll(async () => {
  network = await startNetwork({
    hosts: [
      { name: 'small', count: 1, repos: 3 },
      { name: 'pds-#', count: 3, repos: 12 },
      { name: 'relay', relay: true },
    ],
    addresses: true,
  })
})
afterAll(() => network.close())

/** Runs a command, with the network's hosts allowed. */
const crawl = (folder: string, ...args: string[]) =>
  cli(['crawl', ...args, '--requests-per-second', '1000'], { cwd: folder })

describe('crawl', () => {
  it('reads the hosts that a relay lists, says what it leaves out, and status shows them', async () => {
    await using folder = await temporaryFolder()
    const { path } = folder
    const done = await crawl(path, '--hosts-of', network.url, '--allow', '127.*')
    expect(done).toMatchObject({ code: 0, stderr: '' })
    const [small = '', first = '', , , relay = ''] = network.hosts
    expect(done.stdout).toContain('5 hosts known')
    expect(done.stdout).toContain(`http://${relay} is left out: it is a relay: it lists hosts`)
    expect(done.stdout).toMatch(/4 of 5 hosts complete, 1 left out, 39 of \d+ repos/)
    const { stdout } = await cli(['status'], { cwd: path })
    expect(stdout).toContain('hosts: 4 of 5 hosts complete, 1 left out, 39 of')
    expect(stdout).not.toContain('collections complete')
    expect(stdout).toMatch(new RegExp(`http://${first} +12 +12  complete`))
    const [json] = jsonLines((await cli(['status', '--json'], { cwd: path })).stdout)
    expect(json).toMatchObject({ crawl: { total: 5, complete: 4, leftOut: 1, repos: 39 } })
    const exported = await cli(['export', '-', '--only', POST], { cwd: path })
    expect(exported.stdout.match(/did:/g)).toHaveLength([...network.dids(POST)].length)

    const again = await crawl(path, '--host', small, '--json')
    expect(jsonLines(again.stdout).map(({ type }) => type)).toContain('end')
    expect(again.code).toBe(0)
  })

  it('leaves private addresses of a list out, and says what would take them', async () => {
    await using folder = await temporaryFolder()
    const { code, stderr } = await crawl(folder.path, '--hosts-of', network.url)
    expect(code).toBe(1)
    expect(stderr).toContain('There is no host to crawl')
    expect(stderr).toContain('is an address or a name of a private network')
  })

  it('tells a program what happens, in JSON, and ends with 1 where a host failed', async () => {
    await using folder = await temporaryFolder()
    const [, down = ''] = network.hosts
    network.change(down, { down: 521 })
    const { code, stdout } = await crawl(
      folder.path,
      '--host',
      down,
      '--max-attempts',
      '1',
      '--retries',
      '0',
      '--json',
    )
    network.change(down, { down: false })
    expect(code).toBe(1)
    const lines = jsonLines(stdout)
    expect(lines.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['begin', 'hosts', 'hostStarted', 'hostFailed']),
    )
    expect(lines.at(-1)).toMatchObject({
      type: 'end',
      outcome: 'incomplete',
      failures: [{ host: `http://${down}`, attempts: 1 }],
    })
  })

  it('names the repos that it could not read, in a file where one is given, and ends with 1', async () => {
    await using broken = await startNetwork({
      hosts: [{ name: 'pds', repos: 5 }],
      addresses: true,
      script: ({ path, did }) => (path.endsWith('describeRepo') && did === bad ? { status: 500 } : undefined),
    })
    const [bad = ''] = Array.from(broken.accounts(), ({ did }) => did)
    await using folder = await temporaryFolder()
    const { path } = folder
    const [host = ''] = broken.hosts
    const done = await crawl(path, '--host', host, '--failed', 'failed.txt')
    expect(done.code).toBe(1)
    expect(done.stderr).toContain('1 repo could not be read. Run again to ask for them again, or later: ')
    expect(await readFile(join(path, 'failed.txt'), 'utf8')).toBe(`${bad}\n`)
    const { stdout } = await cli(['status'], { cwd: path })
    expect(stdout).toContain('1 repo could not be read: crawl again to retry')
    expect(stdout).toMatch(/^hosts: .* repos, \d+%, 1 failed$/m)
  })

  it('ends by Ctrl-C with 130, lets its hosts go, and the same command goes on', async () => {
    const parked = Promise.withResolvers<void>()
    const letGo = Promise.withResolvers<undefined>()
    let asked = 0
    await using slow = await startNetwork({
      hosts: [{ name: 'pds-#', count: 3, repos: 20 }],
      addresses: true,
      script({ path }) {
        if (!path.endsWith('describeRepo') || ++asked <= 30) return undefined
        parked.resolve()
        return letGo.promise
      },
    })
    await using folder = await temporaryFolder()
    const cwd = folder.path
    const args = ['crawl', '--hosts-of', slow.url, '--allow', '127.*', '--page-size', '5']
    args.push('--requests-per-second', '1000')
    await using program = startCli(args, { cwd })
    await parked.promise
    program.kill('SIGINT')
    const { code, stdout, stderr } = await program.ended
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    expect(stdout).toContain('Stopped: ')
    expect(stdout).toMatch(/Run the same command again to go on from there\.\n$/)
    const [json] = jsonLines((await cli(['status', '--json'], { cwd })).stdout)
    expect(json).toMatchObject({ crawl: { total: 3, running: 0, pending: 3 } })
    letGo.resolve(undefined)
    expect(await cli(args, { cwd })).toMatchObject({ code: 0, stderr: '' })
  })

  it('needs to be told which hosts', async () => {
    const { code, stderr } = await cli(['crawl'])
    expect(code).toBe(2)
    expect(stderr).toContain('Give --host HOST, or --hosts-of RELAY')
  })
})

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSqlite } from '../../../src/sqlite/open-sqlite.ts'
import { startNetwork, type TestNetwork } from '../../../src/testing/index.ts'
import { cli, jsonLines, startCli } from '../../support/cli.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts'

const [POST, LIKE] = ['app.bsky.feed.post', 'app.bsky.feed.like']

let folder: TemporaryFolder
let network: TestNetwork
const at = (file: string) => join(folder.path, file)
beforeAll(async () => {
  folder = await temporaryFolder()
  network = await startNetwork({
    hosts: [
      { name: 'pds', repos: 150 },
      { name: 'down', repos: 3, down: 502 },
    ],
    addresses: true,
  })
})
afterAll(async () => {
  await network.close()
  await folder[Symbol.asyncDispose]()
})

const accounts = (host = 0) => [...network.accounts(network.hosts[host])]
const ASKING = ['--allow', '127.*', '--requests-per-second', '100000', '--retries', '0'] as const

/** The command on a file of SQLite. */
function args(data: string, ...more: readonly string[]): string[] {
  const plc = ['--plc', network.url, '--plc-requests-per-second', '100000']
  return ['index', ...more, '--data', at(data), ...plc, ...ASKING]
}

/** What an index holds, as text. */
async function pairsIn(data: string): Promise<string[]> {
  await using store = await openSqlite(at(data))
  const { collections } = await store.index.listCollections()
  const lists = await Promise.all(
    collections.map(async ({ nsid }) =>
      (await store.index.listRepos(nsid, { limit: 10_000 })).dids.map((did) => `${nsid} ${did}`),
    ),
  )
  return lists.flat().toSorted()
}

const pairsOf = (repos: readonly { did: string; collections: readonly string[] }[]) =>
  repos.flatMap(({ did, collections }) => collections.map((nsid) => `${nsid} ${did}`)).toSorted()

describe('given repos', () => {
  it('are indexed and told one by one, those that are not there with the reason', async () => {
    const [alice, bob] = accounts()
    const dids = [
      alice?.did ?? '',
      bob?.did ?? '',
      'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa',
      accounts(1)[0]?.did ?? '',
    ]
    const { code, stdout } = await cli(args('few.sqlite', ...dids))
    expect(code).toBe(1)
    expect(stdout).toContain(`${dids[0]} (`)
    expect(stdout).toContain(`at http://${network.hosts[0]}: ${alice?.collections.length} collection`)
    expect(stdout).toMatch(/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa: not found: .* knows no such DID/)
    expect(stdout).toMatch(/: failed: .*502/)
    expect(stdout).toContain('4 repos: 2 active, 1 not found, 1 failed.')
    expect(await pairsIn('few.sqlite')).toEqual(pairsOf(accounts().slice(0, 2)))
  })

  it('may be in a text of any form, and those that failed are written to a file', async () => {
    const dids = [...accounts(), ...accounts(1)].map(({ did }) => did)
    const text = `did,collection\n${dids.map((did, i) => (i % 2 ? `{"did":"${did}"}` : `at://${did}/x/y, ${did}.`)).join('\n')}`
    await writeFile(at('dids.txt'), text)
    const { code, stdout } = await cli(
      args('file.sqlite', '--file', at('dids.txt'), '--failed', at('failed.txt'), '--json'),
    )
    const lines = jsonLines(stdout)
    expect(code).toBe(1)
    expect(lines.filter(({ type }) => type === 'repo')).toHaveLength(153)
    expect(lines.at(-1)).toMatchObject({
      type: 'end',
      outcome: 'incomplete',
      summary: { states: { failed: 3 } },
    })
    expect((await readFile(at('failed.txt'), 'utf8')).trim().split('\n').toSorted()).toEqual(
      accounts(1)
        .map(({ did }) => did)
        .toSorted(),
    )
    expect(await pairsIn('file.sqlite')).toEqual(pairsOf(accounts()))
  })

  it('of what verify found are mended, surplus and missing', async () => {
    const [alice, bob] = accounts()
    if (alice === undefined || bob === undefined) throw new Error('There are accounts.')
    {
      await using store = await openSqlite(at('mend.sqlite'))
      await store.sink.add({ relay: 'x', collection: LIKE, dids: [alice.did] })
      await store.sink.add({ relay: 'x', collection: POST, dids: [alice.did] })
    }
    network.set({ ...alice, collections: [POST] })
    network.set({ ...bob, collections: [POST] })
    network.relay.knows = (host) => host === network.hosts[0]
    const verify = [
      'verify',
      '--relay',
      network.url,
      '--data',
      at('mend.sqlite'),
      '--no-check',
      '--samples',
      '1000',
      '--collection',
      `${POST},${LIKE}`,
    ]
    const compared = await cli([...verify, '--json'])
    expect(compared.code).toBe(1)
    await writeFile(at('differences.json'), compared.stdout)
    const mended = await cli(args('mend.sqlite', '--file', at('differences.json'), '--remove'))
    expect(mended).toMatchObject({ code: 0, stderr: '' })
    expect(mended.stdout).toMatch(/1 removed/)
    expect(await cli(verify)).toMatchObject({ code: 0 })
    expect(await pairsIn('mend.sqlite')).not.toContain(`${LIKE} ${alice.did}`)
  })

  it('that are gone are removed only where that is asked for', async () => {
    const did = 'did:plc:cccccccccccccccccccccccc'
    network.set({ did, host: network.hosts[0] ?? '', state: 'takendown' })
    {
      await using store = await openSqlite(at('gone.sqlite'))
      await store.sink.add({ relay: 'x', collection: POST, dids: [did] })
    }
    await cli(args('gone.sqlite', did, '--remove'))
    expect(await pairsIn('gone.sqlite')).toHaveLength(1)
    await cli(args('gone.sqlite', did, '--remove-gone', 'deleted,suspended'))
    expect(await pairsIn('gone.sqlite')).toHaveLength(1)
    const { stdout } = await cli(args('gone.sqlite', did, '--remove-gone'))
    expect(stdout).toMatch(/taken down: .*removed from 1 collection/)
    expect(await pairsIn('gone.sqlite')).toEqual([])
  })

  it('are not lost: neither their list nor the index is written over with those that failed', async () => {
    const [alice] = accounts()
    await writeFile(at('list.txt'), `${alice?.did}\n`)
    const over = await cli(args('kept.sqlite', '--file', at('list.txt'), '--failed', at('list.txt')))
    expect(over).toMatchObject({ code: 2, stderr: expect.stringContaining('that is read') })
    expect(await readFile(at('list.txt'), 'utf8')).toBe(`${alice?.did}\n`)
    const onIndex = await cli(args('kept.sqlite', alice?.did ?? '', '--failed', at('kept.sqlite')))
    expect(onIndex).toMatchObject({ code: 2, stderr: expect.stringContaining('is a database') })
  })
})

describe('a file', () => {
  it('that was interrupted goes on where it was, and begins anew once it is done', async () => {
    const dids = accounts().map(({ did }) => did)
    await writeFile(at('many.txt'), dids.join('\n'))
    const command = args('many.sqlite', '--file', at('many.txt'), '--json', '--concurrency', '4')
    network.change(network.hosts[0] ?? '', { latencyMs: 5 })
    await using program = startCli(command)
    const before = network.asked(network.hosts[0] ?? '').requests
    await program.until(/"type":"repo"/)
    await expect
      .poll(() => network.asked(network.hosts[0] ?? '').requests - before, { timeout: 20_000 })
      .toBeGreaterThan(50)
    program.kill('SIGINT')
    const { code, stdout } = await program.ended
    expect(code).toBe(130)
    expect(jsonLines(stdout).at(-1)).toMatchObject({ type: 'end', outcome: 'interrupted', goesOn: true })
    network.change(network.hosts[0] ?? '', { latencyMs: 0 })
    const second = jsonLines((await cli(command)).stdout)
    const done = Number(second[0]?.done)
    expect(done).toBeGreaterThanOrEqual(40)
    expect(second.filter(({ type }) => type === 'repo')).toHaveLength(dids.length - done)
    expect(await pairsIn('many.sqlite')).toEqual(pairsOf(accounts()))
    expect(jsonLines((await cli(command)).stdout)[0]).toMatchObject({ type: 'begin', done: 0 })
    const status = await cli(['status', '--data', at('many.sqlite')])
    expect(status.stdout).not.toContain('many.txt')
  })

  it('that was killed is taken over at once', async () => {
    await writeFile(
      at('killed.txt'),
      accounts()
        .map(({ did }) => did)
        .join('\n'),
    )
    const command = args('killed.sqlite', '--file', at('killed.txt'), '--json', '--concurrency', '4')
    network.change(network.hosts[0] ?? '', { latencyMs: 5 })
    await using program = startCli(command)
    await program.until(/"type":"repo"/)
    program.kill('SIGKILL')
    await program.ended
    network.change(network.hosts[0] ?? '', { latencyMs: 0 })
    const { code } = await cli(command)
    expect(code).toBe(0)
    expect(await pairsIn('killed.sqlite')).toEqual(pairsOf(accounts()))
  })

  it('without a DID is told', async () => {
    await writeFile(at('none.txt'), 'alice.example\nbob.example\n')
    const { code, stdout } = await cli(args('none.sqlite', '--file', at('none.txt')))
    expect([code, stdout]).toEqual([1, expect.stringContaining('There is no DID in the list.')])
  })
})

it('a wrong usage is told', async () => {
  expect((await cli(args('usage.sqlite'))).code).toBe(2)
  expect((await cli(args('usage.sqlite', 'did:web:a.example', '--file', 'x'))).code).toBe(2)
  expect((await cli(args('usage.sqlite', '--file', at('missing.txt')))).stderr).toContain('cannot be read')
  expect((await cli(args('usage.sqlite', 'did:web:a.example', '--remove-gone', 'active'))).code).toBe(2)
})

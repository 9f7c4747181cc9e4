import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startNetwork, startRelay } from '../../../src/testing/index.ts'
import { cli, cliProcess, jsonLines, startCli } from '../../support/cli.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const [PROFILE, NAME] = ['app.bsky.actor.profile', 'com.example.a']
const didOf = (number: number) => `did:web:r${number}.example`
const didsFrom = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => didOf(first + i))

/** Two relays that have 6 repos in common, one of them 2 more, the other 3. In the order of first sight. */
async function twoRelays() {
  const one = await startRelay({ collections: { [PROFILE]: 1, [NAME]: didsFrom(1, 8).toReversed() } })
  const other = await startRelay({ collections: { [PROFILE]: 1, [NAME]: didsFrom(3, 11) } })
  const relays = ['--relay', one.url, '--relay', other.url]
  return {
    one,
    other,
    relays,
    [Symbol.asyncDispose]: () => Promise.all([one.close(), other.close()]).then(() => {}),
  }
}

describe('compare', () => {
  test('tells for each collection what both list, and what one alone, with samples', async () => {
    await using pair = await twoRelays()
    const { code, stdout, stderr } = await cli(['compare', ...pair.relays, '--collection', NAME, PROFILE])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`A  ${pair.one.url}\nB  ${pair.other.url}\n`)
    expect(stdout).toMatch(/^ {2}collection +both +only A +only B$/m)
    expect(stdout).toMatch(/^ {2}com\.example\.a +6 +2 +3$/m)
    expect(stdout).toMatch(/^ {2}app\.bsky\.actor\.profile +1 +0 +0$/m)
    expect(stdout).toMatch(/^ {6}only A {2}did:web:r[12]\.example$/m)
    expect(stdout.match(/only B {2}did:web/g)).toHaveLength(3)
    expect(stdout).toContain('2 collections compared, 1 equal, 1 different')
  })

  test('as JSON, of three relays', async () => {
    await using pair = await twoRelays()
    await using third = await startRelay({ collections: { [PROFILE]: 1, [NAME]: didsFrom(6, 20) } })
    const args = [...pair.relays, '--relay', third.url, '--collection', NAME, '--samples', '0', '--json']
    const { code, stdout } = await cli(['compare', ...args])
    const lines = jsonLines(stdout)
    expect(code).toBe(0)
    expect(lines.find(({ type }) => type === 'compared')).toMatchObject({
      collection: NAME,
      union: 20,
      all: 3,
      relays: [
        { listed: 8, only: 2, samples: [] },
        { listed: 9, only: 0, samples: [] },
        { listed: 15, only: 9, samples: [] },
      ],
    })
    expect(lines.at(-1)).toMatchObject({ type: 'end', outcome: 'complete', exitCode: 0 })
  })

  test('adds to a CSV that is kept, and refuses a file that is another one', async () => {
    await using pair = await twoRelays()
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'relays.csv')
    const args = ['compare', ...pair.relays, '--collection', NAME, '--csv', file]
    for (let i = 0; i < 2; i += 1) expect((await cli(args)).code).toBe(0)
    const [header, ...rows] = (await readFile(file, 'utf8')).trimEnd().split('\n')
    expect(header).toBe('time,collection,relay,listed,only,all,union,error')
    expect(rows.map((row) => row.split(',').slice(1).join(','))).toEqual(
      [0, 1].flatMap(() => [`${NAME},${pair.one.url},8,2,6,11,`, `${NAME},${pair.other.url},9,3,6,11,`]),
    )
    const times = rows.map((row) => row.split(',')[0])
    expect([times[0], times[2]]).toEqual([times[1], times[3]])

    await writeFile(file, 'did,collection\n')
    const { code, stderr } = await cli(args)
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('--csv adds to a file that begins'),
    })
    expect(await readFile(file, 'utf8')).toBe('did,collection\n')
  })

  test('a list that breaks off is told, in the CSV too, and nothing of it counts as a difference', async () => {
    await using whole = await startRelay({
      collections: { [PROFILE]: 1, [NAME]: didsFrom(1, 8), 'com.example.b': 2 },
    })
    await using broken = await startRelay({
      collections: { [PROFILE]: 1, [NAME]: didsFrom(1, 8), 'com.example.b': 2 },
      script: ({ collection, cursor }) =>
        collection === NAME && cursor !== undefined ? { status: 500, body: { error: 'Full' } } : undefined,
    })
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'relays.csv')
    const relays = ['--relay', whole.url, '--relay', broken.url, '--page-size', '3', '--retries', '0']
    const args = [...relays, '--collection', NAME, 'com.example.b', '--csv', file]
    const { code, stdout } = await cli(['compare', ...args])
    expect(code).toBe(1)
    expect(stdout.replaceAll(/\n +/g, ' ')).toMatch(/✗ com\.example\.a: .*answered 500/)
    expect(stdout).toMatch(/^ {2}com\.example\.b +2 +0 +0$/m)
    expect(stdout).toContain(
      '1 collection compared, 1 equal, 0 different; 1 collection could not be compared',
    )
    const rows = (await readFile(file, 'utf8')).split('\n').filter((row) => row.includes(`,${NAME},`))
    expect(rows[0]).toMatch(/,,,,,$/)
    expect(rows[1]).toMatch(/,,,,,".*answered 500.*"$/)
  })

  test('--resolve tells handle, host and state of the samples', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds' }],
      addresses: true,
      relay: { lists: 'all' },
      accounts: [],
    })
    const [host = ''] = network.hosts
    const states = ['active', 'deactivated', 'takendown', 'tombstoned'] as const
    const dids = states.map((_, i) => `did:plc:${'abcd'[i]}${'2'.repeat(23)}`)
    for (const [i, state] of states.entries())
      network.set({ did: dids[i] ?? '', host, state, collections: [PROFILE] })
    await using other = await startRelay({ collections: { [PROFILE]: [didOf(1)] } })
    const relays = ['--relay', network.url, '--relay', other.url]
    const resolving = ['--resolve', '--plc', network.url, '--allow', '127.*', '--samples', '9']
    const args = ['compare', ...relays, '--collection', PROFILE, ...resolving]
    const { stdout } = await cli([...args, '--json'])
    const compared = jsonLines(stdout).find(({ type }) => type === 'compared')
    const accounts = compared?.accounts as { did: string; state: string; host?: string }[]
    expect(Object.fromEntries(accounts.map(({ did, state }) => [did, state]))).toMatchObject({
      [dids[0] ?? '']: 'active',
      [dids[1] ?? '']: 'deactivated',
      [dids[2] ?? '']: 'takendown',
      [dids[3] ?? '']: 'deleted',
      [didOf(1)]: 'unknown',
    })
    expect(accounts.find(({ did }) => did === dids[0])?.host).toBe(`http://${host}`)
    const text = (await cli(args, { env: { COLUMNS: '150' } })).stdout.replaceAll(/\n +(?!only)/g, ' ')
    expect(text).toContain(`${dids[1]} `)
    expect(text).toContain('deactivated')
    // A private address is not asked, unless it is named.
    const refused = await cli(args.filter((arg) => arg !== '--allow' && arg !== '127.*'))
    expect(refused.stdout.replaceAll(/\s+/g, ' ')).toContain('is an address or a name of a private network')
  })

  test.each([
    [[], 'Which relay? Give --relay HOST'],
    [['--relay', 'one.example'], 'compare takes two or more'],
    [['--relay', 'one.example', 'one.example'], 'compare takes two or more'],
    [['--relay', 'a.example', '--relay', 'b.example', '--plc', 'ftp://x'], 'plc must be'],
    [
      ['--relay', 'a.example,b.example', '--source', 'observed'],
      'must be one of garden, lexicons, directory, ufos.',
    ],
  ])('%j is wrong usage', async (args, message) => {
    expect(await cli(['compare', ...args.filter((arg, i) => i < 2 || arg !== 'one.example')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(message),
    })
  })

  test('a relay that cannot serve it is told before anything is compared', async () => {
    await using pair = await twoRelays()
    await using none = await startRelay({ collections: {}, script: () => ({ status: 404 }) })
    const args = ['--relay', pair.one.url, '--relay', none.url, '--collection', NAME]
    const { code, stderr } = await cli(['compare', ...args])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('does not serve com.atproto'),
    })
  })

  test('Ctrl-C ends it at once; what was compared stays in the CSV', async () => {
    await using slow = await startRelay({
      collections: { [PROFILE]: 1, [NAME]: 5, 'com.example.b': 5 },
      latencyMs: ({ collection }) => (collection === 'com.example.b' ? 60_000 : 0),
    })
    await using fast = await startRelay({ collections: { [PROFILE]: 1, [NAME]: 5, 'com.example.b': 5 } })
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'relays.csv')
    const args = ['compare', '--relay', slow.url, '--relay', fast.url, '--collection', NAME, 'com.example.b']
    await using program = startCli([...args, '--csv', file])
    await program.until(/com\.example\.a +5/)
    program.kill('SIGINT')
    const { code, stdout } = await program.ended
    expect({ code, stdout }).toEqual({
      code: 130,
      stdout: expect.stringContaining('Stopped before everything'),
    })
    expect((await readFile(file, 'utf8')).split('\n').filter((row) => row.includes(NAME))).toHaveLength(2)
  })

  test('lists that are far larger than the memory of their names are compared and counted', async () => {
    const [size, accounts] = [300_000, 400_000]
    await using one = await startRelay({ collections: { [PROFILE]: 1, [NAME]: size }, accounts })
    await using other = await startRelay({ collections: { [PROFILE]: 1, [NAME]: size + 5 }, accounts })
    const relays = ['--relay', one.url, '--relay', other.url, '--page-size', '10000']
    // Two sets of the names alone would take 50 MB.
    const env = { NODE_OPTIONS: '--max-old-space-size=30 --max-semi-space-size=4' }
    const compared = await cliProcess(['compare', ...relays, '--collection', NAME], { env })
    expect(compared.stdout).toMatch(/^ {2}com\.example\.a +300,000 +0 +5$/m)
    const counted = await cliProcess(['count', NAME, ...relays], { env })
    expect(counted.stdout).toMatch(/^ {2}com\.example\.a +300,000 +300,005 +0\.1%$/m)
  })
})

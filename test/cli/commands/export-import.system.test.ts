import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLI, cli, cliProcess, jsonLines, startCli } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts'

const POST = 'app.bsky.feed.post'
const LIKE = 'app.bsky.feed.like'

const did = (number: number) => `did:web:d${String(number).padStart(6, '0')}.example`

/** As an export writes them: by collection and DID. */
function linesOf(collections: Readonly<Record<string, number>>): string {
  return Object.entries(collections)
    .map(([collection, size]) => Array.from({ length: size }, (_, i) => `${did(i)},${collection}\n`).join(''))
    .join('')
}

const ALL = linesOf({ [LIKE]: 25_000, [POST]: 15_000, 'com.example.one': 1 })

let folder: TemporaryFolder
const at = (file: string) => join(folder.path, file)
beforeAll(async () => {
  folder = await temporaryFolder()
  await writeFile(at('pairs.csv'), ALL)
})
afterAll(() => folder[Symbol.asyncDispose]())

/** Runs it to its end, with a text on its standard input. */
async function piped(
  args: readonly string[],
  input: Buffer | string,
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [CLI, ...args])
  child.stdin.end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, out, err }
}

describe('what is exported and imported again', () => {
  it('is equal, from SQLite to Postgres and back, as CSV and as NDJSON, packed or not', async () => {
    await using postgres = await createPostgres()
    const [sqlite, again] = [at('a.sqlite'), at('b.sqlite')]
    const steps = [
      ['import', at('pairs.csv'), '--data', sqlite],
      ['export', at('one.ndjson.gz'), '--data', sqlite],
      ['import', at('one.ndjson.gz'), '--database', postgres.url],
      ['export', at('two.ndjson'), '--database', postgres.url],
      ['import', at('two.ndjson'), '--data', again],
      ['export', at('three.csv'), '--data', again],
      ['export', at('four.csv.gz'), '--database', postgres.url, '--header'],
    ]
    for (const args of steps) {
      const { code, stdout, stderr } = await cli(args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain('40,001 pairs of 3 collections')
    }
    expect(await readFile(at('three.csv'), 'utf8')).toBe(ALL)
    expect(gunzipSync(await readFile(at('four.csv.gz'))).toString()).toBe(`did,collection\n${ALL}`)
    const { stdout: status } = await cli(['status', '--data', sqlite])
    expect(status).not.toContain('import:')
  })

  it('is equal in the form of collectiondir’s export: a header, a time, and another order', async () => {
    const lines = ALL.trimEnd().split('\n')
    const rows = lines.map((_, i) => `${lines[(i * 7_919) % lines.length]},${1_758_000_000_000 + i}\n`)
    await writeFile(at('directory.csv'), `did,collection,millis\n${rows.join('')}`)
    const { code, stdout } = await cli(['import', at('directory.csv'), '--data', at('directory.sqlite')])
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('(40,001 new)') })
    await cli(['export', at('directory-back.csv'), '--data', at('directory.sqlite')])
    expect(await readFile(at('directory-back.csv'), 'utf8')).toBe(ALL)
  })

  it('is nothing where --only is misspelt: that is told, with an exit code, and no file is made', async () => {
    const data = ['--data', at('misspelt.sqlite')]
    const nothing = await cli(['import', at('pairs.csv'), ...data, '--only', 'app.bksy.*'])
    expect(nothing.code).toBe(1)
    expect(nothing.stderr).toContain('no collection in it matches app.bksy.*.')
    expect(nothing.stderr).toContain(
      'nothing was imported, since --only and --except leave out all its pairs.',
    )
    const some = await cli(['import', at('pairs.csv'), ...data, '--only', 'app.bksy.*', 'com.example.one'])
    expect(some).toMatchObject({ code: 0, stderr: expect.stringContaining('matches app.bksy.*.') })
    const before = await readdir(folder.path)
    const { code, stderr } = await cli(['export', at('none.csv'), ...data, '--only', 'app.bksy.*'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('leave out every collection of the index, all 1 of them.'),
    })
    expect(await readdir(folder.path)).toEqual(before)
    const one = await cli(['export', '-', ...data, '--except', 'app.bksy.*'])
    expect(one).toMatchObject({ code: 0, stdout: linesOf({ 'com.example.one': 1 }) })
    expect(one.stderr).toContain('no collection that is known matches app.bksy.*')
  })

  it('comes and goes by the standard streams, and only what is wanted', async () => {
    const data = ['--data', at('streams.sqlite')]
    const imported = await piped(['import', '-', ...data, '--except', 'app.bsky.feed.like'], gzipSync(ALL))
    expect(imported).toMatchObject({ code: 0, err: '' })
    expect(imported.out).toContain(
      'standard input: 15,001 pairs of 2 collections (15,001 new); 25,000 pairs of',
    )
    const exported = await piped(
      ['export', '-', ...data, '--only', 'com.example.*', '--format', 'ndjson'],
      '',
    )
    expect(exported).toEqual({
      code: 0,
      out: `{"did":"${did(0)}","collection":"com.example.one"}\n`,
      err: 'Exported 1 pair of 1 collection.\n',
    })
    const told = await cli(['export', at('told.csv'), ...data, '--json'])
    expect(jsonLines(told.stdout)).toMatchObject([
      {
        type: 'end',
        outcome: 'complete',
        file: at('told.csv'),
        pairs: 15_001,
        collections: 2,
        resumed: false,
      },
    ])
    expect((await cli(['export', '-', ...data, '--json'])).code).toBe(2)
  })
})

it('what a shell gives in place of a file is imported', async () => {
  const command = `"$0" "$1" import <(cat "$2") --data "$3"`
  const child = spawn('bash', ['-c', command, process.execPath, CLI, at('pairs.csv'), at('shell.sqlite')])
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('40,001 pairs of 3 collections') })
})

describe('a file that is not as it should be', () => {
  it('a gzip that was cut in half is told, and the whole one is taken up where that ended', async () => {
    const packed = gzipSync(ALL)
    await writeFile(at('cut.csv.gz'), packed.subarray(0, packed.length >> 1))
    const args = ['import', at('cut.csv.gz'), '--data', at('cut.sqlite')]
    const cut = await cli(args)
    expect(cut.code).toBe(1)
    expect(cut.stderr).toMatch(/breaks off after \d+ lines: .*unexpected end of file/)
    expect((await cli(args)).code).toBe(1)
    await writeFile(at('cut.csv.gz'), packed)
    const { code } = await cli(args)
    expect(code).toBe(0)
    await cli(['export', at('cut-back.csv'), '--data', at('cut.sqlite')])
    expect(await readFile(at('cut-back.csv'), 'utf8')).toBe(ALL)
  })

  it('lines that are no pair are told with their numbers, and the others imported', async () => {
    const lines = [
      '\ufeffdid,collection\r\n',
      `${did(0)},${POST}\r\n`,
      '\r\n',
      `"${did(1)}","${POST}"\r\n`,
      `not-a-did,${POST}\r\n`,
      `${did(2)}\0,${POST}\r\n`,
      `${did(3)},self\r\n`,
      `${'x'.repeat(200_000)}\r\n`,
      `${did(4)},${POST}`,
    ]
    await writeFile(at('odd.csv'), lines.join(''))
    const { code, stdout, stderr } = await cli(['import', at('odd.csv'), '--data', at('odd.sqlite')])
    expect(code).toBe(0)
    expect(stdout).toContain(': 3 pairs of 1 collection (3 new).')
    expect(stderr).toContain('4 lines are no pair, and left out.')
    for (const said of [
      'line 5: no valid DID: not-a-did',
      'line 6: no valid DID',
      'line 7: no valid NSID',
      'line 8: longer than',
    ])
      expect(stderr).toContain(said)
    expect(stderr).toContain('the last line has no line end')
    const { stdout: json } = await cli(['import', at('odd.csv'), '--data', at('odd.sqlite'), '--json'])
    expect(jsonLines(json).at(-1)).toMatchObject({
      type: 'end',
      outcome: 'complete',
      summary: { pairs: 3, added: 0, invalid: 4, unterminated: true },
    })
  })

  it.each([
    ['empty.csv', '', 'it is empty'],
    ['prose.csv', 'Dear reader,\nhello\n', 'no pair in its 2 lines'],
    ['packed.csv.gz', ALL, 'is no gzip, although it is called so'],
    ['wide.csv', Buffer.from('\ufeffdid,collection\n', 'utf16le'), 'UTF-16'],
  ])('%s holds nothing to import: exit code 1, and why', async (name, content, why) => {
    await writeFile(at(name), content)
    const { code, stderr } = await cli(['import', at(name), '--data', at('nothing.sqlite')])
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(why) })
  })

  it('one that is not there is wrong usage, and no database is made for it', async () => {
    const { code, stderr } = await cli(['import', at('missing.csv'), '--data', at('missing.sqlite')])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('cannot be read') })
    expect(await readdir(folder.path)).not.toContain('missing.sqlite')
    const noFolder = await cli(['export', at('nowhere/pairs.csv'), '--data', at('a.sqlite')])
    expect(noFolder.code).toBe(2)
  })

  it('a database in place of a list is wrong usage, and stays as it is', async () => {
    const onto = await cli(['export', at('a.sqlite'), '--data', at('a.sqlite')])
    expect(onto).toMatchObject({ code: 2, stderr: expect.stringContaining('give another file') })
    const from = await cli(['import', at('a.sqlite'), '--data', at('other.sqlite')])
    expect(from).toMatchObject({ code: 2, stderr: expect.stringContaining('no list') })
    const { stdout } = await cli(['export', '-', '--data', at('a.sqlite')])
    expect(stdout).toBe(ALL)
  })
})

/** Less than what the pairs of the next test take as objects. */
const SMALL_HEAP = { env: { NODE_OPTIONS: '--max-old-space-size=32' } }

it('an import that is killed goes on where it was, at once, and no heap grows with the file', async () => {
  const large = linesOf({ [LIKE]: 200_000, [POST]: 50_000 })
  await writeFile(at('large.csv'), large)
  const args = ['import', at('large.csv'), '--data', at('killed.sqlite'), '--json']
  await using program = startCli(args)
  await program.until(/"type":"progress"/)
  program.kill('SIGKILL')
  await program.ended
  const { code, stdout, stderr } = await cliProcess(args, SMALL_HEAP)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { summary } = jsonLines(stdout).at(-1) as { summary: { resumedAfter: number; lines: number } }
  expect(summary.resumedAfter).toBeGreaterThan(0)
  expect(summary.resumedAfter + summary.lines).toBe(250_000)
  const back = await cliProcess(['export', at('killed-back.csv'), '--data', at('killed.sqlite')], SMALL_HEAP)
  expect(back).toMatchObject({ code: 0, stderr: '' })
  expect((await stat(at('killed-back.csv'))).size).toBe(large.length)
  expect((await readFile(at('killed-back.csv'), 'utf8')) === large).toBe(true)
})

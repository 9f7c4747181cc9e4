import { execFile } from 'node:child_process'
import { lstat, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { fileOutput } from '../../src/cli/pair-output.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const POST = 'app.bsky.feed.post'

it('has its name only once it is whole', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'pairs.csv')
  const output = await fileOutput(file, [])
  await output.write(`did:web:a,${POST}\n`)
  expect(await readdir(folder.path)).toEqual([expect.stringMatching(/^pairs\.csv\..+\.part$/)])
  await output.finish()
  expect(await readdir(folder.path)).toEqual(['pairs.csv'])
  expect(await readFile(file, 'utf8')).toBe(`did:web:a,${POST}\n`)
})

it.each([
  ['csv', (did: string) => `${did},${POST}\n`],
  ['ndjson', (did: string) => `${JSON.stringify({ did, collection: POST })}\n`],
])('goes on behind the last whole line of %s', async (ending, lineOf) => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, `pairs.${ending}`)
  const first = await fileOutput(file, ['choice'])
  await first.write(lineOf('did:web:a') + lineOf('did:web:b') + lineOf('did:web:c').slice(0, 15))
  expect(await first.leave()).toBe(true)
  const other = await fileOutput(file, ['another choice'])
  expect(other.after).toBeUndefined()
  await other.leave()
  const second = await fileOutput(file, ['choice'])
  expect(second.after).toEqual({ collection: POST, cursor: 'did:web:b' })
  await second.write(lineOf('did:web:c'))
  await second.finish()
  expect(await readFile(file, 'utf8')).toBe(['a', 'b', 'c'].map((name) => lineOf(`did:web:${name}`)).join(''))
})

it.each(['', 'did', 'did,collection\n'])('begins again where only %j was written', async (text) => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'pairs.csv')
  const first = await fileOutput(file, [])
  await first.write(text)
  await first.leave()
  const second = await fileOutput(file, [])
  expect(second.after).toBeUndefined()
  await second.write('x')
  await second.finish()
  expect(await readFile(file, 'utf8')).toBe('x')
})

it('a gzip is begun again, and nothing is left of the first one', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'pairs.csv.gz')
  const first = await fileOutput(file, [])
  await first.write(`did:web:a,${POST}\n`)
  expect(await first.leave()).toBe(false)
  expect(await readdir(folder.path)).toEqual([])
  const second = await fileOutput(file, [])
  await second.write(`did:web:b,${POST}\n`)
  await second.finish()
  expect(gunzipSync(await readFile(file)).toString()).toBe(`did:web:b,${POST}\n`)
})

it('a database is not written over, under whatever name it is given', async () => {
  await using folder = await temporaryFolder()
  const database = join(folder.path, 'index.sqlite')
  const link = join(folder.path, 'pairs.csv')
  await writeFile(database, 'SQLite format 3\0 and its pages')
  await symlink(database, link)
  for (const file of [database, `${database}-wal`, `${database}-shm`, link])
    await expect(fileOutput(file, []), file).rejects.toThrow('is a database')
  expect(await readdir(folder.path)).toEqual(['index.sqlite', 'pairs.csv'])
  expect(await readFile(database, 'utf8')).toMatch(/^SQLite/)
})

it('what is no regular file is written to, and stays what it is', async () => {
  await using folder = await temporaryFolder()
  const pipe = join(folder.path, 'pipe')
  await promisify(execFile)('mkfifo', [pipe])
  const read = readFile(pipe, 'utf8')
  const output = await fileOutput(pipe, [])
  expect(output.after).toBeUndefined()
  await output.write(`did:web:a,${POST}\n`)
  await output.finish()
  expect(await read).toBe(`did:web:a,${POST}\n`)
  expect((await lstat(pipe)).isFIFO()).toBe(true)
  expect(await readdir(folder.path)).toEqual(['pipe'])
})

it('a link stays one, and what it leads to is written', async () => {
  await using folder = await temporaryFolder()
  const [file, link] = [join(folder.path, 'pairs.csv'), join(folder.path, 'latest.csv')]
  await writeFile(file, 'before')
  await symlink(file, link)
  const output = await fileOutput(link, [])
  await output.write('after')
  await output.finish()
  expect((await lstat(link)).isSymbolicLink()).toBe(true)
  expect(await readFile(file, 'utf8')).toBe('after')
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/index.ts'
import { openPGlite } from '../../src/pglite/index.ts'
import { didsFrom } from '../support/store-steps.ts'

const batch = { relay: 'relay.example', collection: 'app.bsky.feed.post', dids: didsFrom(0, 10) }

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'backfill-pglite-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

it('keeps what was written in a folder that it makes with its parents', async () => {
  const folder = join(root, 'made', 'on', 'the way')
  {
    await using store = await openPGlite(folder)
    expect(store.sink.database).toBe(store.progress.database)
    expect(await store.sink.add(batch)).toEqual({ added: 10 })
    await store.progress.register(batch.relay, [{ nsid: batch.collection, estimatedRepos: 10 }])
  }
  await using store = await openPGlite(folder)
  expect(await store.sink.add(batch)).toEqual({ added: 0 })
  expect(await store.progress.list()).toMatchObject([{ collection: batch.collection, estimatedRepos: 10 }])
})

it('keeps nothing without a folder, and each store is its own', async () => {
  await using one = await openPGlite()
  await using other = await openPGlite(undefined, { schema: 'apart' })
  await one.sink.add(batch)
  expect(await other.sink.add(batch)).toEqual({ added: 10 })
  expect(
    await other.db.withSchema('apart').selectFrom('collection_index').selectAll().execute(),
  ).toHaveLength(10)
})

it('refuses a folder that is open, by whatever path, and frees it when closed', async () => {
  const folder = join(root, 'in use')
  const store = await openPGlite(folder)
  await symlink(folder, join(root, 'alias'))
  await expect(openPGlite(folder)).rejects.toThrow('has it open')
  await expect(openPGlite(join(root, 'alias'))).rejects.toThrow(StoreUnavailableError)
  await store.close()
  await store.close()
  await using again = await openPGlite(folder)
  expect(await again.progress.list()).toEqual([])
})

it('refuses a folder that another process has open, and takes it over when that one was killed', async () => {
  const folder = join(root, 'of another process')
  const script = `
    const { openPGlite } = await import(${JSON.stringify(fileURLToPath(new URL('../../src/pglite/index.ts', import.meta.url)))})
    const store = await openPGlite(${JSON.stringify(folder)})
    await store.sink.add(${JSON.stringify(batch)})
    console.log('written')
    setInterval(() => {}, 1000)
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  try {
    await once(child.stdout, 'data')
    await expect(openPGlite(folder)).rejects.toThrow('has it open')
  } finally {
    child.kill('SIGKILL')
    await exited
  }
  await using store = await openPGlite(folder)
  expect(await store.sink.add(batch)).toEqual({ added: 0 })
})

it('refuses a folder that holds something else, and adds nothing to it', async () => {
  for (const name of ['thesis.txt', 'a folder/base', 'base.zip']) {
    const folder = join(root, `foreign ${name.length}`)
    await mkdir(join(folder, dirname(name)), { recursive: true })
    await writeFile(join(folder, name), 'mine')
    const [first = ''] = await readdir(folder)
    await expect(openPGlite(folder)).rejects.toThrow(`${folder}: it holds ${first} and no database`)
    expect(await readdir(folder)).toEqual([first])
  }
})

it('says which folder cannot be opened, and touches nothing in it', async () => {
  const file = join(root, 'file')
  await writeFile(file, 'mine')
  await expect(openPGlite(file)).rejects.toThrow(file)
  await expect(openPGlite(join(file, 'below'))).rejects.toThrow(StoreUnavailableError)
  await expect(openPGlite('')).rejects.toMatchObject({ option: 'folder' })
  expect(await readdir(root)).toContain('file')
})

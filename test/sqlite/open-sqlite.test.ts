import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openExistingSqlite, openSqlite, openTuned } from '../../src/sqlite/open-sqlite.ts'
import { type Connection, type ConnectionMode, loadDriver } from '../../src/sqlite/sqlite-driver.ts'
import { didsFrom } from '../../src/testing/suites/samples.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const batch = { relay: 'relay.example', collection: 'com.example.thing', dids: didsFrom(0, 10) }

let folder: TemporaryFolder
let file: string
beforeEach(async () => {
  folder = await temporaryFolder()
  file = join(folder.path, 'index.sqlite')
})
afterEach(() => folder[Symbol.asyncDispose]())

/** A store with the connection that it writes by. */
async function openWithWriter(pages?: number) {
  const connect = await loadDriver()
  const writers: Connection[] = []
  const limit = (most: number) => {
    for (const writer of writers) writer.exec(`pragma max_page_count = ${most}`)
  }
  const store = await openTuned(
    file,
    {},
    {
      creates: true,
      connect(path, mode) {
        const connection = connect(path, mode)
        if (mode === 'write') writers.push(connection)
        if (pages !== undefined && mode === 'write') limit(pages)
        return connection
      },
    },
  )
  return { store, limit }
}

/** As a user who owns nothing: root may write everywhere. */
async function asReader<T>(body: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return await body()
  process.seteuid?.(65_534)
  try {
    return await body()
  } finally {
    process.seteuid?.(0)
  }
}

describe('opening', () => {
  it('makes the file with its folders, and keeps what was written', async () => {
    file = join(folder.path, 'made', 'on', 'the way', 'a b?c#d%20.sqlite')
    {
      await using store = await openSqlite(file)
      expect(store.sink.database).toBe(store.progress.database)
      expect(await store.sink.add(batch)).toEqual({ added: 10 })
      await store.close()
    }
    // The log is gone once the last one has closed: one file to copy.
    expect(await readdir(join(file, '..'))).toEqual(['a b?c#d%20.sqlite'])
    await using store = await openSqlite(file)
    expect(await store.sink.add(batch)).toEqual({ added: 0 })
  })

  it('is one database for many that open it at once, by whatever path', async () => {
    await symlink(folder.path, join(folder.path, 'alias'))
    const paths = Array.from({ length: 6 }, (_, i) =>
      i % 2 ? file : join(folder.path, 'alias', 'index.sqlite'),
    )
    const stores = await Promise.all(paths.map((path) => openSqlite(path)))
    const added = await Promise.all(stores.map((store) => store.sink.add(batch)))
    expect(added.map((answer) => answer?.added).sort()).toEqual([0, 0, 0, 0, 0, 10])
    await Promise.all(stores.map((store) => store.close()))
  })

  it('refuses what is no file of its own, and leaves it as it is', async () => {
    await writeFile(file, 'a thesis, and nothing that SQLite has ever seen')
    await expect(openSqlite(file)).rejects.toMatchObject({ code: 'STORE_NOT_OPENED', retryable: false })
    expect(await readFile(file, 'utf8')).toContain('thesis')
    await writeFile(file, 'x'.repeat(100_000))
    await expect(openSqlite(file)).rejects.toThrow(/is no database/)

    const other = join(folder.path, 'photos.db')
    const db = new DatabaseSync(other)
    db.exec('create table photo (id integer primary key)')
    db.close()
    await expect(openSqlite(other)).rejects.toThrow(/another program/)
    await expect(openSqlite(folder.path)).rejects.toThrow(/is a folder/)
    await expect(openSqlite(join(other, 'below'))).rejects.toMatchObject({ code: 'STORE_NOT_OPENED' })
    for (const none of ['', ':memory:'])
      await expect(openSqlite(none)).rejects.toMatchObject({ option: 'file' })
    expect((await readdir(folder.path)).sort()).toEqual(['index.sqlite', 'photos.db'])
  })

  it('refuses a file of a newer version', async () => {
    await (await openSqlite(file)).close()
    const db = new DatabaseSync(file)
    db.exec('pragma user_version = 99')
    db.close()
    await expect(openSqlite(file)).rejects.toThrow(/newer version/)
    await expect(openExistingSqlite(file)).rejects.toMatchObject({ code: 'STORE_NOT_OPENED' })
  })

  it('creates nothing where a backfill is expected', async () => {
    await expect(openExistingSqlite(file)).rejects.toMatchObject({ name: 'MissingTables' })
    expect(existsSync(file)).toBe(false)
    await writeFile(file, '')
    await expect(openExistingSqlite(file)).rejects.toMatchObject({ name: 'MissingTables' })
  })

  it('refuses an option that it does not know', async () => {
    const synchronous = 'off' as 'full'
    await expect(openSqlite(file, { synchronous })).rejects.toMatchObject({ option: 'synchronous' })
    await using store = await openSqlite(file, { synchronous: 'full' })
    expect(await store.sink.add(batch)).toEqual({ added: 10 })
  })
})

describe('a file that may only be read', () => {
  it.each([
    ['that is closed', false],
    ['that another process has open', true],
  ])('serves and shows the status, %s; a run is told what it lacks', async (_, staysOpen) => {
    const owner = await openSqlite(file)
    await owner.sink.add(batch)
    await owner.progress.register(batch.relay, [{ nsid: batch.collection }])
    if (!staysOpen) await owner.close()
    await chmod(file, 0o444)
    await chmod(folder.path, 0o555)
    await asReader(async () => {
      await using store = await openSqlite(file)
      expect((await store.index.listRepos(batch.collection)).dids).toEqual([...batch.dids].sort())
      expect(await store.progress.list()).toMatchObject([{ collection: batch.collection, state: 'pending' }])
      expect(await store.progress.remaining(batch.relay)).toMatchObject({ collections: 1 })
      const refusal = { code: 'STORE_NOT_PERMITTED', scope: 'run' }
      await expect(store.sink.add(batch)).rejects.toMatchObject(refusal)
      await expect(store.progress.register(batch.relay, [])).rejects.toMatchObject(refusal)
    })
    await chmod(folder.path, 0o755)
    await owner.close()
  })

  it('is not made in a folder that may only be read', async () => {
    const closed = join(folder.path, 'closed')
    await mkdir(closed, { mode: 0o555 })
    await asReader(async () => {
      await expect(openSqlite(join(closed, 'index.sqlite'))).rejects.toMatchObject({
        code: 'STORE_NOT_PERMITTED',
      })
      await expect(openSqlite(join(closed, 'a', 'index.sqlite'))).rejects.toMatchObject({
        code: 'STORE_NOT_OPENED',
      })
    })
  })
})

describe('a disk that is full', () => {
  const isFull = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('The disk is full') }

  it('is unavailable for as long as it is, and takes no half of a page', async () => {
    const { store, limit } = await openWithWriter()
    await store.sink.add(batch)
    limit(1)
    const many = { ...batch, dids: didsFrom(0, 20_000) }
    await expect(store.sink.add(many)).rejects.toMatchObject(isFull)
    expect(await store.index.countRepos(batch.collection)).toBe(10)
    limit(1_000_000)
    expect(await store.sink.add(many)).toEqual({ added: 19_990 })
    await store.close()
  })

  it('is told of when a file is opened', async () => {
    await expect(openWithWriter(1)).rejects.toMatchObject(isFull)
    await using store = await openSqlite(file)
    expect(await store.sink.add(batch)).toEqual({ added: 10 })
  })

  it('is told of where SQLite has rolled back by itself, too', async () => {
    const connect = await loadDriver()
    const failing = (path: string, mode: ConnectionMode): Connection => {
      const connection = connect(path, mode)
      return {
        ...connection,
        exec(sql) {
          connection.exec(sql === 'commit' ? 'rollback' : sql)
          if (sql === 'commit') throw Object.assign(new Error('database or disk is full'), { errcode: 13 })
        },
      }
    }
    await expect(openTuned(file, {}, { creates: true, connect: failing })).rejects.toMatchObject(isFull)
  })
})

it('waits for another process that writes, while it goes on itself', async () => {
  await using store = await openSqlite(file)
  const other = new DatabaseSync(file)
  other.exec('begin immediate')
  let isDone = false
  const adding = store.sink.add(batch).finally(() => {
    isDone = true
  })
  for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setTimeout(resolve, 2))
  expect(isDone).toBe(false)
  expect(await store.index.countRepos(batch.collection)).toBe(0)
  other.exec('commit')
  other.close()
  expect(await adding).toEqual({ added: 10 })
})

it('what is read beside an open transaction is what is committed', async () => {
  await using store = await openSqlite(file)
  await store.progress.register(batch.relay, [{ nsid: batch.collection }])
  const claim = await store.progress.claim({ relay: batch.relay, owner: 'worker', leaseMs: 60_000 })
  if (claim === undefined) throw new Error('nothing to claim')
  const seen: unknown[] = []
  const look = async () => {
    const [row] = await store.progress.list()
    seen.push([await store.index.countRepos(batch.collection), row?.pages])
  }
  await store.progress.advance(
    claim,
    { pages: 1, cursor: 'c', imported: 10, invalid: 0 },
    async (transaction) => {
      await store.sink.add(batch, { transaction })
      await look()
    },
  )
  await look()
  expect(seen).toEqual([
    [0, 0],
    [10, 1],
  ])
  await expect(store.sink.add(batch, { transaction: {} })).rejects.toThrow(TypeError)
})

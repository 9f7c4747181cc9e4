import { type DatabaseConnection, Kysely, PostgresDialect, PostgresDriver, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type BackfillDatabase,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
} from '../../src/kysely/index.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { openPool } from '../support/pool.ts'
import { didsFrom, LEASE_MS } from '../support/store-steps.ts'

const batch = { relay: 'any', collection: 'app.bsky.feed.post', dids: didsFrom(0, 10) }
const page = { pages: 1, cursor: 'c1', imported: 10, invalid: 0 }

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await sql`create table counter (name text primary key, value int not null)`.execute(postgres.db)
  await sql`insert into counter values ('a', 0), ('b', 0)`.execute(postgres.db)
})
afterAll(() => postgres[Symbol.asyncDispose]())

const raise = (name: string) => sql`update counter set value = value + 1 where name = ${name}`

/** The progress store of a source of its own, with one collection claimed. */
async function claimedOn(db: TestKysely, source: string) {
  const progress = kyselyProgressStore(db)
  await progress.register(source, [{ nsid: batch.collection }])
  const claim = await progress.claim({ relay: source, owner: 'worker', leaseMs: LEASE_MS })
  if (claim === undefined) throw new Error('nothing to claim')
  const row = async () => (await progress.list({ relay: source }))[0]
  return { progress, claim, row }
}

describe('a transaction that the database asks to repeat', () => {
  it('is repeated after a serialization failure, and the page counts once', async () => {
    const { db } = postgres
    const { progress, claim, row } = await claimedOn(db, 'serialization')
    const added: (number | undefined)[] = []
    const write = async (transaction: unknown) => {
      const tables = transaction as TestKysely
      added.push((await kyselyIndexSink(db).add(batch, { transaction }))?.added)
      // What a database says that finds two transactions in no order: the library's own are read committed.
      if (added.length === 1) await sql`do $$ begin raise sqlstate '40001'; end $$`.execute(tables)
    }
    await progress.advance(claim, page, write)
    expect(added).toEqual([10, 10])
    expect(await row()).toMatchObject({ pages: 1, imported: 10 })
  })

  it('is repeated after a deadlock', async () => {
    // Whose patience ends first is chosen by the server as the victim: ours.
    const db = postgres.connect({ options: '-c deadlock_timeout=10ms' })
    const other = postgres.connect({ options: '-c deadlock_timeout=60s' })
    const { progress, claim, row } = await claimedOn(db, 'deadlock')
    let rival: Promise<unknown> = Promise.resolve()
    let tries = 0
    const write = async (transaction: unknown) => {
      tries += 1
      await raise('a').execute(transaction as TestKysely)
      if (tries === 1) {
        const holdsB = Promise.withResolvers<void>()
        rival = other.transaction().execute(async (theirs) => {
          await raise('b').execute(theirs)
          holdsB.resolve()
          await raise('a').execute(theirs)
        })
        await holdsB.promise
      }
      await raise('b').execute(transaction as TestKysely)
    }
    await progress.advance(claim, page, write)
    await rival
    expect(tries).toBe(2)
    expect(await row()).toMatchObject({ pages: 1, imported: 10 })
  })

  it('is repeated when two groups of pages cross: neither page is lost or counted twice', async () => {
    // A list has its own order, so what each page sorts for itself is not in order from page to page.
    const pages = [didsFrom(1000, 10), didsFrom(1010, 10)] as const
    const sink = kyselyIndexSink(postgres.db)
    const firstPages = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const commit = async (source: string, order: readonly (readonly string[])[], turn: number) => {
      const { progress, claim, row } = await claimedOn(postgres.db, source)
      const added: (number | undefined)[] = []
      await progress.advance(claim, { ...page, pages: 2, imported: 20 }, async (transaction) => {
        for (const [index, dids] of order.entries()) {
          added[index] = (await sink.add({ ...batch, relay: source, dids }, { transaction }))?.added
          firstPages[turn]?.resolve()
          await Promise.all(firstPages.map(({ promise }) => promise))
        }
      })
      return { added, row: await row() }
    }
    const both = await Promise.all([
      commit('crossing one', pages, 0),
      commit('crossing two', pages.toReversed(), 1),
    ])
    expect(both.map(({ row }) => row)).toMatchObject([
      { pages: 2, imported: 20 },
      { pages: 2, imported: 20 },
    ])
    expect(both.flatMap(({ added }) => added).sort()).toEqual([0, 0, 10, 10])
  })

  it('is repeated when a sink hides the conflict in an error of its own', async () => {
    const { progress, claim } = await claimedOn(postgres.db, 'wrapped')
    let tries = 0
    const write = async () => {
      tries += 1
      if (tries < 3)
        throw new Error('my sink failed', { cause: Object.assign(new Error('busy'), { code: '40001' }) })
    }
    expect((await progress.advance(claim, page, write)).pages).toBe(1)
    expect(tries).toBe(3)
  })

  it('is given up in the end, as a database that is not available', async () => {
    const { progress, claim, row } = await claimedOn(postgres.db, 'endless')
    const conflict = Object.assign(new Error('could not serialize access'), { code: '40001' })
    const advanced = progress.advance(claim, page, () => Promise.reject(conflict))
    await expect(advanced).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      cause: conflict,
    })
    expect(await row()).toMatchObject({ pages: 0, state: 'running' })
  })

  it('lets eight workers share the collections of a serializable database, each page once', async () => {
    const db = postgres.connect({ options: '-c default_transaction_isolation=serializable' })
    const source = 'eight'
    const progress = kyselyProgressStore(db)
    const sink = kyselyIndexSink(db)
    await progress.register(
      source,
      Array.from({ length: 16 }, (_, i) => ({ nsid: `com.example.n${i}` })),
    )
    const worker = async (owner: string) => {
      let claim = await progress.claim({ relay: source, owner, leaseMs: LEASE_MS })
      while (claim !== undefined) {
        for (let i = 0; i < 3; i += 1) {
          const { collection } = claim
          const cursor = i < 2 ? `c${i}` : undefined
          claim = await progress.advance(
            claim,
            { cursor, pages: 1, imported: 10, invalid: 0 },
            async (transaction) => {
              await sink.add({ relay: source, collection, dids: didsFrom(i * 10, 10) }, { transaction })
            },
          )
        }
        claim = await progress.claim({ relay: source, owner, leaseMs: LEASE_MS })
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, i) => worker(`worker ${i}`)))
    const rows = await progress.list({ relay: source })
    expect(rows.map(({ state, pages: page, imported }) => [state, page, imported])).toEqual(
      rows.map(() => ['complete', 3, 30]),
    )
  })
})

type CommitFault = 'none' | 'commit, then lose the answer' | 'lose the commit'

/** A real driver whose next COMMIT meets a connection that breaks. */
function faultyKysely(url: string) {
  const faults: CommitFault[] = []
  class FaultyDriver extends PostgresDriver {
    override async commitTransaction(connection: DatabaseConnection): Promise<void> {
      const fault = faults.shift() ?? 'none'
      if (fault !== 'lose the commit') await super.commitTransaction(connection)
      if (fault !== 'none') throw new Error('Connection terminated unexpectedly')
    }
  }
  class FaultyDialect extends PostgresDialect {
    override createDriver(): PostgresDriver {
      return new FaultyDriver({ pool })
    }
  }
  const pool = openPool({ connectionString: url })
  const db = new Kysely<BackfillDatabase>({ dialect: new FaultyDialect({ pool }) })
  return { db, faults, [Symbol.asyncDispose]: () => db.destroy() }
}

describe('a commit whose answer is lost', () => {
  it('is recognised when it happened, and counts once', async () => {
    await using faulty = faultyKysely(postgres.url)
    const { progress, claim, row } = await claimedOn(faulty.db, 'answer lost')
    faulty.faults.push('commit, then lose the answer')
    let writes = 0
    const next = await progress.advance(claim, page, async () => {
      writes += 1
    })
    expect(writes).toBe(1)
    expect(await row()).toMatchObject({ pages: 1, imported: 10, cursor: 'c1' })

    faulty.faults.push('commit, then lose the answer')
    expect(await progress.advance(next, { pages: 1, imported: 5, invalid: 0 })).toMatchObject({
      pages: 2,
      imported: 15,
    })
    expect(await row()).toMatchObject({ state: 'complete', pages: 2, imported: 15 })
  })

  it('is done again when it did not happen', async () => {
    await using faulty = faultyKysely(postgres.url)
    const { progress, claim, row } = await claimedOn(faulty.db, 'commit lost')
    faulty.faults.push('lose the commit')
    const added: (number | undefined)[] = []
    await progress.advance(claim, page, async (transaction) => {
      const once = { ...batch, collection: 'com.example.once' }
      added.push((await kyselyIndexSink(faulty.db).add(once, { transaction }))?.added)
    })
    expect(added).toEqual([10, 10])
    expect(await row()).toMatchObject({ pages: 1, imported: 10 })
  })

  it('is not taken for ours when another worker committed a page', async () => {
    await using faulty = faultyKysely(postgres.url)
    const { progress, claim, row } = await claimedOn(faulty.db, 'taken over')
    const takeOver = async () => {
      await progress.release(claim)
      const theirs = await progress.claim({ relay: 'taken over', owner: 'other', leaseMs: LEASE_MS })
      if (theirs) await progress.advance(theirs, page)
    }
    await takeOver()
    await expect(progress.advance(claim, page)).rejects.toMatchObject({
      code: 'CLAIM_LOST',
      epoch: claim.epoch,
    })
    expect(await row()).toMatchObject({ pages: 1, imported: 10 })
  })

  it('ends as a database that is not available when it goes on', async () => {
    await using faulty = faultyKysely(postgres.url)
    const { progress, claim, row } = await claimedOn(faulty.db, 'never committed')
    faulty.faults.push('lose the commit', 'lose the commit', 'lose the commit')
    await expect(progress.advance(claim, page)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await row()).toMatchObject({ pages: 0 })
    expect((await progress.advance(claim, page)).pages).toBe(1)
  })
})

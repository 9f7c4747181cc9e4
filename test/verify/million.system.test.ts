import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CollectionReport } from '../../src/index.ts'
import { migrateToLatest } from '../../src/kysely/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import type { VerifyChildOptions } from '../support/verify-child.ts'

const COLLECTION = 'com.example.million'
const SIZE = 1_000_000
/** Numbers that the index lacks, and some that only it has: scattered, at both ends, in a row. */
const LOST = [0, 1, 99_999, 500_000, 500_001, 500_002, SIZE - 1]
const FOREIGN = [SIZE, SIZE + 7, 16 ** 6 - 1]

/** As the statement below makes it: hexadecimal, with the digits that did:plc lacks replaced. */
function didOf(number: number): string {
  const digits: Record<string, string> = { 0: 'w', 1: 'x', 8: 'y', 9: 'z' }
  const text = number.toString(16).padStart(24, '0')
  return `did:plc:${text.replace(/[0189]/g, (digit) => digits[digit] ?? digit)}`
}

/** A collection of a million in Postgres, which lacks some that the relay has, and the other way round. */
async function fill({ db }: TestPostgres): Promise<void> {
  await migrateToLatest(db)
  await sql`insert into collection_index_nsid (nsid) values (${COLLECTION})`.execute(db)
  await sql`
    insert into collection_index_pair (collection_id, did)
    select id, 'did:plc:' || translate(lpad(to_hex(number), 24, '0'), '0189', 'wxyz')
    from collection_index_nsid,
      (select generate_series(0, ${sql.lit(SIZE - 1)}) union all select unnest(${FOREIGN}::int[])) as numbers (number)
    where number <> all (${LOST}::int[])
    order by 2
  `.execute(db)
  await sql`vacuum analyze collection_index_pair`.execute(db)
}

describe('a collection of a million, in a process of its own', () => {
  let database: TestPostgres
  const dids = Array.from({ length: SIZE }, (_, number) => didOf(number))
  beforeAll(async () => {
    database = await createPostgres()
    await fill(database)
  })
  afterAll(() => database[Symbol.asyncDispose]())

  /** Its heap is bounded, so that the memory it takes is what it needs and not what nobody has cleared away yet. */
  const BOUNDED_HEAP = ['--max-old-space-size=64', '--max-semi-space-size=8']

  async function verified(listed: readonly string[]): Promise<{ report: CollectionReport; took: number }> {
    await using relay = await startRelay({ collections: { [COLLECTION]: listed } })
    const options: VerifyChildOptions = {
      relayUrl: relay.url,
      postgresUrl: database.url,
      collection: COLLECTION,
    }
    const entry = fileURLToPath(new URL('../support/verify-child.ts', import.meta.url))
    const parameters = [...BOUNDED_HEAP, entry, JSON.stringify(options)]
    const { stdout } = await promisify(execFile)(process.execPath, parameters)
    return JSON.parse(stdout)
  }

  it.each([
    ['in the order of their DIDs', 'merge', (all: string[]) => all.toSorted()],
    ['in another order', 'hash', (all: string[]) => all.map((_, i) => all[(i * 7_919) % SIZE] ?? '')],
  ] as const)(
    'listed %s: finds what was planted in both directions, in under 100 MB',
    async (_, method, order) => {
      const { report, took } = await verified(order(dids))
      expect(report.method).toBe(method)
      expect(report.differences).toMatchObject({
        both: SIZE - LOST.length,
        onlyThere: LOST.length,
        onlyHere: FOREIGN.length,
      })
      expect(report.differences?.samples.onlyThere.toSorted()).toEqual(LOST.map(didOf).toSorted())
      expect(report.differences?.samples.onlyHere.toSorted()).toEqual(FOREIGN.map(didOf).toSorted())
      // A walk is a hundred full pages and an empty one; some more until the order is known to be none.
      expect(report.cost.requests).toBeLessThanOrEqual(104)
      expect(took).toBeGreaterThan(1e6)
      expect(took).toBeLessThan(100e6)
    },
    60_000,
  )
})

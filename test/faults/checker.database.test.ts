import { type RawBuilder, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { verdict } from '../support/checker.ts'
import { setUp } from '../support/fault-run.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const collections = { [A]: 45, [B]: 25 }

const ofA = sql`where collection = ${A}`

/** What a broken store might do to A, which is at page 3, and what the checker says of it. */
const crimes: { crime: string; statement: RawBuilder<unknown>; says: RegExp }[] = [
  {
    crime: 'a pair lost below the cursor',
    statement: sql`delete from collection_index_pair where did = (select did from collection_index ${ofA} limit 1)`,
    says: /is missing/,
  },
  {
    crime: 'a pair that nobody served',
    statement: sql`insert into collection_index_pair select collection_id, 'did:web:made.up' from collection_index_pair limit 1`,
    says: /nobody served it/,
  },
  {
    crime: 'complete without a last page',
    statement: sql`update backfill_progress set completed_at = now(), cursor = '' ${ofA}`,
    says: /marked complete without a last page/,
  },
  {
    crime: 'complete with a page that has a cursor',
    statement: sql`update backfill_progress set completed_at = now(), page_count = page_count + 1 ${ofA}`,
    says: /complete is true with the cursor/,
  },
  {
    crime: 'the cursor cleared, and not complete',
    statement: sql`update backfill_progress set cursor = '', page_count = page_count + 1 ${ofA}`,
    says: /complete is false with the cursor ""/,
  },
  {
    crime: 'a page back',
    statement: sql`update backfill_progress set page_count = page_count - 1 ${ofA}`,
    says: /the cursor goes back/,
  },
  {
    crime: 'pages counted that nobody fetched',
    statement: sql`update backfill_progress set page_count = page_count + 2 ${ofA}`,
    says: /pages were counted and the cursor did not move/,
  },
  {
    crime: 'a cursor that moves alone',
    statement: sql`update backfill_progress set cursor = cursor || 'x' ${ofA}`,
    says: /the cursor moved without a page/,
  },
  {
    crime: 'a page counted twice',
    statement: sql`update backfill_progress set imported_count = imported_count + 10 ${ofA}`,
    says: /DIDs were counted without a page[\s\S]*40 DIDs counted of 30/,
  },
  {
    crime: 'a page committed by a claim that is gone',
    statement: sql`update backfill_progress set epoch = epoch + 1, page_count = page_count + 1 ${ofA}`,
    says: /committed by somebody who did not hold the claim/,
  },
  {
    crime: 'an epoch that goes back',
    statement: sql`update backfill_progress set epoch = epoch - 1 ${ofA}`,
    says: /the epoch goes back/,
  },
  {
    crime: 'a new beginning that keeps the cursor',
    statement: sql`update backfill_progress set restarts = restarts + 1 ${ofA}`,
    says: /a new beginning keeps a part of the walk before/,
  },
]

describe('the checker', () => {
  it('has nothing against a whole run, and counts what it did', async () => {
    await using run = await setUp({ collections })
    await run.start().run()
    const found = await verdict({ progress: run.db, relays: [run.relay] })
    expect(found).toEqual({ pages: 8, completed: 2, missing: 0, foreign: 0, problems: [] })
  })

  it.each(crimes)('finds $crime', async ({ statement, says }) => {
    const never = Promise.withResolvers<undefined>()
    await using run = await setUp({
      collections,
      script: ({ collection, offset }) => (collection === A && offset === 30 ? never.promise : undefined),
    })
    for await (const { collection, pages: page } of run.start({ pagesAhead: 1 }))
      if (collection === A && page === 3) break
    expect((await verdict({ progress: run.db, relays: [run.relay] })).problems).toEqual([])
    await statement.execute(run.db)
    const { problems } = await verdict({ progress: run.db, relays: [run.relay] })
    expect(problems.join('\n')).toMatch(says)
  })
})

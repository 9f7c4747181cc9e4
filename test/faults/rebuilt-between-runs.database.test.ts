import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import type { TestRelay } from '../../src/testing/index.ts'
import { type FaultRun, PAGE, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'

const NAMES = ['com.example.a', 'com.example.b', 'com.example.c']
const SIZE = 45
const collections = Object.fromEntries(NAMES.map((name) => [name, SIZE]))

/** That with the lowest number: after a rebuild its cursors give other collections' DIDs; and that with the highest: an early end. */
const byNumber = (relay: TestRelay) =>
  NAMES.toSorted((a, b) => (relay.cursorAt(a, 0) < relay.cursorAt(b, 0) ? -1 : 1))

/** Two pages of a collection, and then the run is left. */
async function leaveAfterTwoPages(run: FaultRun, asked: string): Promise<void> {
  for await (const { pages } of run.start({ collections: [asked], pagesAhead: 1 })) if (pages === 2) break
}

async function heldOf({ db }: FaultRun, asked: string): Promise<Set<string>> {
  const rows = await db.selectFrom('collection_index').where('collection', '=', asked).selectAll().execute()
  return new Set(rows.map(({ did }) => did))
}

describe('a relay that is rebuilt between two runs', () => {
  it.each([
    { number: 'lowest', place: 0, pageSize: PAGE },
    { number: 'highest', place: -1, pageSize: PAGE },
    { number: 'lowest', place: 0, pageSize: 7 },
    { number: 'highest', place: -1, pageSize: 30 },
  ])(
    '(the $number number, then pages of $pageSize): noticed before anything is committed',
    async (scripted) => {
      const { place, pageSize } = scripted
      await using run = await setUp({ collections })
      const asked = byNumber(run.relay).at(place) ?? ''
      await leaveAfterTwoPages(run, asked)
      run.relay.rebuild()
      const before = run.relay.requestsOf(asked).length
      const failed: unknown[] = []
      const onEvent = listenTo({ collectionFailed: (event) => failed.push(event) })
      await run.start({ collections: [asked], relay: run.lister({ pageSize }), onEvent }).run()

      expect(failed).toMatchObject([{ restart: true, error: { code: 'CURSORS_CHANGED' } }])
      expect(run.relay.requestsOf(asked)[before]).toMatchObject({ cursor: undefined })
      const [row] = await kyselyProgressStore(run.db).list()
      expect(row).toMatchObject({ state: 'complete', imported: SIZE, flags: ['cursorsChanged'] })
      expect(await heldOf(run, asked)).toEqual(new Set(run.relay.dids(asked)))
    },
  )

  it('keeps the flag in the row until it is reset', async () => {
    await using run = await setUp({ collections })
    const [asked = ''] = byNumber(run.relay)
    await leaveAfterTwoPages(run, asked)
    run.relay.rebuild()
    await run.start({ collections: [asked] }).run()
    const progress = kyselyProgressStore(run.db)
    expect(await progress.list()).toMatchObject([{ flags: ['cursorsChanged'] }])
    await progress.reset(run.relay.url)
    await run.start({ collections: [asked] }).run()
    expect(await progress.list()).toMatchObject([{ state: 'complete', flags: [] }])
  })
})

describe('a relay that is the same in the second run', () => {
  it.each([7, PAGE, 30])(
    'is believed with pages of %i, and goes on at the saved cursor',
    async (pageSize) => {
      await using run = await setUp({ collections })
      const [asked = ''] = byNumber(run.relay)
      await leaveAfterTwoPages(run, asked)
      const before = run.relay.requestsOf(asked).length
      const relay = run.lister({ pageSize })
      expect(await run.start({ collections: [asked], relay }).run()).toMatchObject({
        imported: SIZE - 2 * PAGE,
      })
      const offsets = run.relay
        .requestsOf(asked)
        .slice(before)
        .map(({ offset }) => offset)
      if (pageSize === PAGE) expect(offsets).toEqual([0, 20, 30, 40, 0])
      const [row] = await kyselyProgressStore(run.db).list()
      expect(row).toMatchObject({ state: 'complete', imported: SIZE, flags: [] })
      expect(await heldOf(run, asked)).toEqual(new Set(run.relay.dids(asked)))
    },
  )

  it('gives an anchor to a walk that an older version began, and then a rebuild is noticed', async () => {
    await using run = await setUp({ collections })
    const asked = byNumber(run.relay).at(-1) ?? ''
    await leaveAfterTwoPages(run, asked)
    await sql`update backfill_progress set anchor = null`.execute(run.db)
    for await (const _ of run.start({ collections: [asked], pagesAhead: 1 })) break
    run.relay.rebuild()
    await run.start({ collections: [asked] }).run()
    expect(await kyselyProgressStore(run.db).list()).toMatchObject([
      { state: 'complete', imported: SIZE, flags: ['cursorsChanged'] },
    ])
    expect(await heldOf(run, asked)).toEqual(new Set(run.relay.dids(asked)))
  })
})

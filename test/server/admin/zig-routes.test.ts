import { describe, expect, it } from 'vitest'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { PROFILE, startAdmin } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'

describe("an operator's script for the relay in Zig", () => {
  it('starts a run, reads how far it is, and sees it end: the answers have its keys and their meaning', async () => {
    await using parked = await startParkedRelay(3)
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [relay.url] })

    const empty = await admin.status()
    expect(zigPart(empty)).toEqual({
      running: false,
      total: 0,
      completed: 0,
      in_progress: 0,
      total_imported: 0,
      collections: [],
    })

    const { status, body } = await admin.ask('POST', `?source=${encodeURIComponent(relay.url)}`)
    expect(status).toBe(200)
    expect(body).toEqual({ status: 'started', source: relay.url, collections: 2 })

    await parked.parked
    const cursor = relay.cursorAt(BIG, 300)
    const going = await admin.until(
      ({ collections }) =>
        collections.some((row) => row.cursor === cursor) && collections.some((row) => row.completed),
    )
    expect(zigPart(going)).toEqual({
      running: true,
      total: 2,
      completed: 1,
      in_progress: 1,
      total_imported: 450,
      collections: [
        { collection: PROFILE, source: relay.url, imported: 150, completed: true },
        { collection: BIG, source: relay.url, imported: 300, completed: false, cursor },
      ],
    })

    parked.letGo()
    const done = await admin.until(({ running }) => !running)
    expect(zigPart(done)).toEqual({
      running: false,
      total: 2,
      completed: 2,
      in_progress: 0,
      total_imported: 1_150,
      collections: [
        { collection: PROFILE, source: relay.url, imported: 150, completed: true },
        { collection: BIG, source: relay.url, imported: 1_000, completed: true },
      ],
    })
    expect(done).toMatchObject({
      outcome: 'complete',
      error: null,
      relay: relay.url,
      finished_at: expect.any(String),
    })
  })

  it('reads the rows that the relay in Zig left, before there was a run in this process', async () => {
    const progress = memoryProgressStore()
    await progress.register('old.relay.example', [{ nsid: BIG, estimatedRepos: 5_000 }, { nsid: PROFILE }])
    const claim = await progress.claim({ relay: 'old.relay.example', owner: 'zig', leaseMs: 1_000 })
    if (claim === undefined) throw new Error('nothing to claim')
    const half = await progress.advance(claim, { pages: 1, cursor: 'abc+/=', imported: 1_000, invalid: 0 })
    await progress.release(half)
    await using admin = await startAdmin({ progress })
    expect(zigPart(await admin.status())).toEqual({
      running: false,
      total: 2,
      completed: 0,
      in_progress: 2,
      total_imported: 1_000,
      collections: [
        { collection: PROFILE, source: 'old.relay.example', imported: 0, completed: false },
        { collection: BIG, source: 'old.relay.example', imported: 1_000, completed: false, cursor: 'abc+/=' },
      ],
    })
  })
})

/** The keys of the relay in Zig, by name; what else there is comes on top. */
function zigPart(status: object) {
  const top = ['running', 'total', 'completed', 'in_progress', 'total_imported', 'collections']
  const inRow = ['collection', 'source', 'imported', 'completed', 'cursor']
  const pick = (from: object, keys: readonly string[]) =>
    Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)))
  const { collections, ...rest } = pick(status, top)
  return { ...rest, collections: (collections as object[]).map((row) => pick(row, inRow)) }
}

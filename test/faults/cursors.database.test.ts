import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import type { RelayRequest } from '../../src/testing/index.ts'
import { type FaultRun, failuresOf, PAGE, rejection, serving, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'
import { gate } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const SIZE = 45
const collections = { [A]: SIZE, [B]: 25 }

/** The pages of a collection, by where they begin. */
const at = (collection: string, offset: number) => (request: RelayRequest) =>
  request.collection === collection && request.offset === offset

describe('a relay whose cursors run in circles', () => {
  const did = (n: number) => ({ did: `did:web:n${n}.example` })
  /** Names of cursors, one after the other; the last leads to the first of the circle. */
  const circles = [
    { circle: 'the same cursor for ever', next: () => 0, dids: 2 },
    { circle: 'A, B, A', next: (n: number) => (n + 1) % 2, dids: 3 },
    { circle: 'seven cursors after five pages', next: (n: number) => (n < 11 ? n + 1 : 5), dids: 13 },
  ]

  it.each(circles)('$circle: fails that collection in bounded requests, and only that', async (scripted) => {
    await using run = await setUp({ collections, script: (request) => circle(request, scripted.next) })
    const failures = await failuresOf(run.start().run())
    expect(Object.keys(failures)).toEqual([A])
    expect(failures[A]).toContain('endless loop')
    expect(run.relay.requestsOf(A).length).toBeLessThan(50)
    const dids = Array.from({ length: scripted.dids }, (_, n) => did(n - 1).did)
    const { completed } = await run.check({ relays: [serving(run.relay, { [A]: dids })], repeats: true })
    expect(completed).toBe(1)
  })

  it('across restarts: each run commits one page, and the circle is found all the same', async () => {
    await using run = await setUp({ collections, script: (request) => circle(request, (n) => (n + 1) % 6) })
    let error: unknown
    for (let runs = 0; runs < 30 && error === undefined; runs += 1) error = await rejection(untilPageOfA(run))
    const failures = await failuresOf(Promise.reject(error))
    expect(failures[A]).toContain('endless loop')
    const dids = Array.from({ length: 7 }, (_, n) => did(n - 1).did)
    await run.check({ relays: [serving(run.relay, { [A]: dids })], repeats: true })
  })

  async function untilPageOfA({ start }: FaultRun): Promise<void> {
    for await (const { collection } of start({ concurrency: 1, pagesAhead: 1 })) if (collection === A) return
  }

  function circle({ collection, cursor }: RelayRequest, next: (n: number) => number) {
    if (collection !== A) return undefined
    const n = cursor === undefined ? -1 : Number(cursor)
    return { answer: () => ({ repos: [did(n)], cursor: String(cursor === undefined ? 0 : next(n)) }) }
  }
})

describe('where a list ends', () => {
  it('is not at an empty page with a cursor, nor at a short one', async () => {
    await using run = await setUp({
      collections,
      script: ({ collection, cursor, offset }) => {
        if (collection !== A) return undefined
        const go = (to: number) => run.relay.cursorAt(A, to)
        if (cursor === undefined) return { answer: () => ({ repos: [], cursor: go(0) }) }
        if (offset === 20) return { answer: ({ repos }) => ({ repos: repos.slice(0, 3), cursor: go(23) }) }
        return undefined
      },
    })
    expect(await run.start().run()).toMatchObject({ completed: 2, imported: SIZE + 25 })
    expect(run.relay.requestsOf(A).map(({ offset }) => offset)).toEqual([0, 0, 10, 20, 23, 33, 43, 0])
    expect(await run.check()).toMatchObject({ completed: 2 })
  })

  it('is where a hundred empty pages follow each other, and that is an error', async () => {
    await using run = await setUp({
      collections,
      script: ({ collection, cursor = '0' }) => {
        if (collection !== A) return undefined
        return { answer: () => ({ repos: [], cursor: String(Number(cursor) + 1) }) }
      },
    })
    const failures = await failuresOf(run.start().run())
    expect(Object.keys(failures)).toEqual([A])
    expect(failures[A]).toContain('100 empty pages')
    expect(run.relay.requestsOf(A)).toHaveLength(100)
    expect(await run.check({ repeats: true })).toMatchObject({ completed: 1 })
  })

  it('is at an empty page without one, which follows a full last page', async () => {
    await using run = await setUp({ collections: { [A]: 3 * PAGE, [B]: 0 } })
    const events: string[] = []
    for await (const { collection, dids, completed } of run.start({ pagesAhead: 1 })) {
      events.push(`${collection} ${dids.length} ${completed}`)
    }
    expect(events.filter((event) => event.startsWith(A))).toEqual([
      `${A} 10 false`,
      `${A} 10 false`,
      `${A} 10 false`,
      `${A} 0 true`,
    ])
    expect(events).toContain(`${B} 0 true`)
    expect(await run.check()).toMatchObject({ completed: 2, pages: 5 })
  })
})

describe('DIDs that come again', () => {
  it('twice in a page and across pages count once in the index', async () => {
    await using run = await setUp({
      collections,
      script: ({ collection }) => {
        if (collection !== A) return undefined
        const [first] = run.relay.dids(A)
        return {
          answer: ({ repos, cursor }) => ({ repos: [...repos, ...repos, { did: first }], cursor }),
        }
      },
    })
    const added: number[] = []
    for await (const page of run.start({ pagesAhead: 1 }))
      if (page.collection === A) added.push(page.added ?? 0)
    expect(added).toEqual([10, 10, 10, 10, 5])
    await run.check({ repeats: true })
  })

  it('as the previous page with its own cursor once: it is asked for again', async () => {
    await using run = await setUp({
      collections,
      script: (request) => (at(A, 20)(request) && request.attempt === 1 ? previousPage() : undefined),
    })
    const previousPage = () => ({
      answer: () => ({
        repos: [...run.relay.dids(A)].slice(10, 20).map((did) => ({ did })),
        cursor: run.relay.cursorAt(A, 20),
      }),
    })
    const retried: unknown[] = []
    const onEvent = listenTo({ retry: ({ error }: { error: unknown }) => retried.push(error) })
    expect(await run.start({ onEvent }).run()).toMatchObject({ completed: 2, added: SIZE + 25 })
    expect(retried).toMatchObject([{ code: 'CURSOR_LOOP' }])
    expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
  })

  it('as the previous page with a cursor that goes on: nothing is added, nothing is lost', async () => {
    await using run = await setUp({
      collections,
      script: (request) =>
        at(A, 20)(request)
          ? {
              answer: ({ cursor }) => ({
                repos: [...run.relay.dids(A)].slice(10, 20).map((did) => ({ did })),
                cursor,
              }),
            }
          : undefined,
    })
    const added: number[] = []
    for await (const page of run.start({ pagesAhead: 1 }))
      if (page.collection === A) added.push(page.added ?? 0)
    expect(added).toEqual([10, 10, 0, 10, 5])
    const dids = [...run.relay.dids(A)]
    dids.splice(20, 10)
    await run.check({ relays: [serving(run.relay, { [A]: dids })], repeats: true })
  })
})

describe('a saved cursor that the relay refuses with 500 for ever', () => {
  it('while page one works: bounded tries, then from the beginning, and the list is whole', async () => {
    const third = gate()
    const script = async (request: RelayRequest) => {
      if (at(A, 20)(request) && request.attempt === 1) await third.wait()
      return undefined
    }
    await using run = await setUp({ collections, script })
    const { db, relay } = run
    for await (const { pages: page, collection } of run.start({ pagesAhead: 1 }))
      if (collection === A && page === 2) break
    third.pass()
    // What a relay that was rebuilt has no key for. The test moves the cursor here, so the record begins anew.
    await db
      .updateTable('backfill_progress')
      .set({ cursor: 'of another database' })
      .where('collection', '=', A)
      .execute()
    await sql`delete from progress_history`.execute(db)
    const asked = relay.requestsOf(A).length
    const restarts: boolean[] = []
    const onEvent = listenTo({
      collectionFailed: ({ restart }: { restart: boolean }) => restarts.push(restart),
    })
    expect(await run.start({ onEvent }).run()).toMatchObject({ completed: expect.any(Number) })
    expect(restarts).toEqual([true])
    const refused = relay
      .requestsOf(A)
      .slice(asked)
      .filter(({ cursor }) => cursor === 'of another database')
    // The tries of one attempt, and once more while the first page was served.
    expect(refused).toHaveLength(5)
    const [row] = await kyselyProgressStore(db).list()
    expect(row).toMatchObject({ collection: A, state: 'complete', imported: SIZE, pages: 5 })
    await run.check({ repeats: true })
  })

  it('again after the new beginning: failed, and never a third time from the beginning', async () => {
    const script = (request: RelayRequest) => (at(A, 20)(request) ? { status: 500 } : undefined)
    await using run = await setUp({ collections, script })
    const restarts: boolean[] = []
    const onEvent = listenTo({
      collectionFailed: ({ restart }: { restart: boolean }) => restarts.push(restart),
    })
    const failures = await failuresOf(run.start({ onEvent }).run())
    expect(Object.keys(failures)).toEqual([A])
    expect(failures[A]).toContain('500')
    expect(restarts).toEqual([true, false, false])
    expect(run.relay.requestsOf(A).filter(at(A, 20))).toHaveLength(13)
    // The walk, the question whether page one works, the walk from there, and before it goes on the last time.
    expect(run.relay.requestsOf(A).filter(at(A, 0))).toHaveLength(4)
    expect(await run.check()).toMatchObject({ completed: 1 })
  })
})

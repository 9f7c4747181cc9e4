import { describe, expect, it } from 'vitest'
import { knownCollections, RelayError } from '../../../src/index.ts'
import { A, B, setUp } from '../../support/backfill-set-up.ts'
import { listenTo } from '../../support/listen-to.ts'
import { didsOf, pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

describe('cursors', () => {
  it('a run that is left goes on at the saved cursor', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 6) })
    const { start, sink } = setUp(lister, { collections: [knownCollections([A])] })
    for await (const page of start()) {
      if (page.pages === 3) break
    }
    const [row] = await start()
      .status()
      .then(({ collections }) => collections)
    const asked = lister.requests.length
    const summary = await start().run()
    expect(lister.requests.slice(asked).map(({ cursor }) => cursor)[0]).toBe(row?.cursor)
    expect(summary.pages).toBe(6 - (row?.pages ?? 0))
    expect(sink.pairs.get(A)?.size).toBe(12)
    expect(await start().status()).toMatchObject({ imported: 12, complete: 1 })
  })

  const did = { dids: ['did:web:x'] }
  const next = (cursor: string | undefined) => (cursor === undefined ? 1 : Number(cursor) + 1)
  it.each([
    ['the same cursor for ever', () => ({ ...did, cursor: 'same' })],
    [
      'a cycle of two',
      ({ cursor }: { cursor?: string | undefined }) => ({ ...did, cursor: cursor === 'a' ? 'b' : 'a' }),
    ],
    [
      'a cycle of seven after five pages',
      ({ cursor }: { cursor?: string | undefined }) => ({
        ...did,
        cursor: String(next(cursor) < 12 ? next(cursor) : 5),
      }),
    ],
  ])('%s ends the collection in bounded requests, and only that', async (_, script) => {
    const lister = scriptedLister({ [A]: script, [B]: pagesOf(B, 3) })
    const { start, sink } = setUp(lister, { collections: [knownCollections([A, B])] })
    const error = await start()
      .run()
      .catch((error: unknown) => error)
    expect(error).toMatchObject({
      failures: [{ collection: A, lastError: expect.stringContaining('endless loop') }],
    })
    expect(lister.requests.length).toBeLessThan(40)
    expect(sink.pairs.get(B)?.size).toBe(6)
  })

  it('a cycle is found across restarts', async () => {
    const lister = scriptedLister({ [A]: ({ cursor }) => ({ ...did, cursor: String(next(cursor) % 5) }) })
    const { start } = setUp(lister, { collections: [knownCollections([A])] })
    let outcome: unknown
    for (let runs = 0; runs < 20 && outcome === undefined; runs++) {
      const backfiller = start()
      outcome = await backfiller.next().then(
        () => undefined,
        (error: unknown) => error,
      )
      await backfiller.return()
    }
    expect(outcome).toMatchObject({
      failures: [{ lastError: expect.stringContaining('endless loop') }],
    })
  })

  it('a page that is sent again once is asked for again and nothing is lost', async () => {
    const pages = pagesOf(A, 4)
    let repeats = 1
    const lister = scriptedLister({
      [A]: ({ cursor }) => pages[cursor === '2' && repeats-- > 0 ? 1 : Number(cursor ?? 0)] ?? { dids: [] },
    })
    const { start, sink } = setUp(lister, { collections: [knownCollections([A])] })
    expect(await start().run()).toMatchObject({ completed: 1, pages: 4 })
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(didsOf(pages))
  })

  it('an empty page with a cursor is not the end; a hundred in a row are', async () => {
    const lister = scriptedLister({
      [A]: [{ dids: [], cursor: '1' }, { dids: ['did:web:x'], cursor: '2' }, { dids: [] }],
      [B]: ({ cursor }) => ({ dids: [], cursor: String(next(cursor)) }),
    })
    const { start, sink } = setUp(lister, { collections: [knownCollections([A, B])] })
    const error = await start()
      .run()
      .catch((error: unknown) => error)
    expect(error).toMatchObject({
      failures: [{ collection: B, lastError: expect.stringContaining('100 empty pages') }],
    })
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(['did:web:x'])
  })

  const gone = () =>
    new RelayError('RELAY_STATUS', '500 DatabaseError', {
      relay: 'relay.test',
      status: 500,
      cursorRefused: true,
      retryable: true,
    })

  /** A walk of three pages whose third is refused so often, with four tries an attempt; and how its attempts ended. */
  async function refusing(times: number) {
    const pages = pagesOf(A, 3)
    let refusals = times
    const lister = scriptedLister({
      [A]: ({ cursor }) =>
        cursor === '2' && refusals-- > 0
          ? Promise.reject(gone())
          : (pages[Number(cursor ?? 0)] ?? { dids: [] }),
    })
    const restarts: boolean[] = []
    const { start, sink } = setUp(lister, {
      collections: [knownCollections([A])],
      maxAttempts: 2,
      retry: { retries: 3, minDelayMs: 0, maxDelayMs: 0 },
      onEvent: listenTo({ collectionFailed: ({ restart }) => restarts.push(restart) }),
    })
    await start().run()
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(didsOf(pages))
    expect(await start().status()).toMatchObject({ imported: 6, complete: 1 })
    return { restarts, firstPages: lister.requests.filter(({ cursor }) => cursor === undefined).length }
  }

  it('that the relay refuses while it serves the first page make the collection begin again, once', async () => {
    // The first page is asked for to begin, to look whether it is served, to begin again, and before the end.
    expect(await refusing(5)).toEqual({ restarts: [true], firstPages: 4 })
  })

  it('that the relay takes again when it is asked once more are kept: it was down, and has forgotten nothing', async () => {
    // To begin, to look whether it is served, before the walk goes on, and before the end.
    expect(await refusing(4)).toEqual({ restarts: [false], firstPages: 4 })
  })

  it.each([
    // Seven tries and another one when the first page was served, some four seconds with the default pauses; or all
    // ten, and another one. Then the walk comes there once more.
    { what: 'while it serves the first page are tried seven times', serves: true, tries: 8, asked: 9 },
    { what: 'as it refuses everything are tried like each request', serves: false, tries: 10, asked: 12 },
  ])('that the relay refuses $what', async ({ serves, tries, asked }) => {
    const pages = pagesOf(A, 3)
    let isDown = false
    let refused = 0
    const lister = scriptedLister({
      [A]: ({ cursor }) => {
        if (cursor === '2' && refused < tries) {
          isDown = !serves
          refused += 1
          return Promise.reject(gone())
        }
        return isDown && refused < tries
          ? Promise.reject(gone())
          : (pages[Number(cursor ?? 0)] ?? { dids: [] })
      },
    })
    const restarts: boolean[] = []
    const { start, sink } = setUp(lister, {
      collections: [knownCollections([A])],
      retry: { retries: 9, minDelayMs: 0, maxDelayMs: 0 },
      onEvent: listenTo({ collectionFailed: ({ restart }) => restarts.push(restart) }),
    })
    await start().run()
    expect(restarts).toEqual([serves])
    expect(lister.requests.filter(({ cursor }) => cursor === '2')).toHaveLength(asked)
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(didsOf(pages))
  })

  it('that the relay refuses for ever fail the collection after one new beginning', async () => {
    const lister = scriptedLister({
      [A]: ({ cursor }) => (cursor === undefined ? { ...did, cursor: '1' } : Promise.reject(gone())),
    })
    const { start } = setUp(lister, { collections: [knownCollections([A])], maxAttempts: 2 })
    await expect(start().run()).rejects.toMatchObject({
      failures: [{ collection: A, lastError: '500 DatabaseError' }],
    })
    expect(lister.requests.filter(({ cursor }) => cursor === '1').length).toBeLessThanOrEqual(12)
  })
})

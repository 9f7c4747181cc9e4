import { describe, expect, it } from 'vitest'
import { BackfillError, exportPairs, importPairs, memoryStore } from '../../src/index.ts'

const POST = 'app.bsky.feed.post'
const LIKE = 'app.bsky.feed.like'

const did = (number: number) => `did:web:d${String(number).padStart(6, '0')}.example`

/** Lines of one pair each, in turns of two collections. */
function lines(from: number, to: number): string[] {
  return Array.from(
    { length: to - from },
    (_, i) => `${did(from + i)},${(from + i) % 2 === 0 ? POST : LIKE}\n`,
  )
}

async function* textOf(parts: Iterable<string>): AsyncGenerator<string> {
  yield* parts
}

describe('an import', () => {
  it('adds the pairs of a text by collection, and counts what was new', async () => {
    const store = memoryStore()
    await store.sink.add({ relay: 'https://relay.example', collection: POST, dids: [did(0)] })
    const run = importPairs({ from: textOf(lines(0, 4)), store })
    expect(await run.run()).toMatchObject({ lines: 4, pairs: 4, added: 3, collections: 2, invalid: 0 })
    expect([...(store.sink.pairs.get(POST) ?? [])].sort()).toEqual([did(0), did(2)])
    expect([...(store.sink.pairs.get(LIKE) ?? [])].sort()).toEqual([did(1), did(3)])
  })

  it('tells of lines that are no pair, with their numbers, and takes the others', async () => {
    const store = memoryStore()
    const text = [
      'did,collection,millis\r\n',
      `${did(0)},${POST},5\r\n`,
      '\r\n',
      'nonsense\r\n',
      `x,${POST},6\r\n`,
    ]
    const summary = await importPairs({ from: textOf([...text, `${did(1)},${POST},7`]), store }).run()
    expect(summary).toMatchObject({ lines: 6, pairs: 2, invalid: 2, unterminated: true })
    expect(summary.invalidLines).toEqual([
      { line: 4, problem: 'no two columns', text: 'nonsense' },
      { line: 5, problem: 'no valid DID', text: `x,${POST},6` },
    ])
  })

  it('takes only the collections that are wanted', async () => {
    const store = memoryStore()
    const summary = await importPairs({
      from: textOf(lines(0, 10)),
      store,
      only: ['app.bsky.*'],
      except: [LIKE],
    }).run()
    expect(summary).toMatchObject({ pairs: 5, leftOut: 5, collections: 1, unmatched: [] })
  })

  it('that breaks off has what came before in the index, and says where', async () => {
    const store = memoryStore()
    const broken = (async function* () {
      yield* lines(0, 10)
      throw new Error('unexpected end of file')
    })()
    await expect(importPairs({ from: broken, store }).run()).rejects.toMatchObject({
      code: 'INPUT_BROKEN',
      message: expect.stringMatching(/after 10 lines: unexpected end of file/),
    })
    expect(store.sink.pairs.get(POST)?.size).toBe(5)
  })

  it('marks nothing complete of any relay', async () => {
    const store = memoryStore()
    await importPairs({ from: textOf(lines(0, 10)), store, name: 'file:///pairs.csv' }).run()
    const rows = await store.progress.list()
    expect(rows.filter(({ relay }) => relay.startsWith('http'))).toEqual([])
  })

  it.each([
    [{ only: ['nonsense'] }, /only/],
    [{ except: ['nonsense'] }, /except/],
    [{ relay: 'x' }, /from/],
  ])('refuses %j', (options, message) => {
    expect(() => importPairs({ from: textOf([]), store: memoryStore(), ...options })).toThrow(message)
  })
})

describe('an import with a name', () => {
  const name = 'file:///pairs.csv'
  /** More than three batches. */
  const all = lines(0, 90_000)

  /** The text from an offset on, in pieces of a thousand lines; the offsets that were asked for. */
  function seekable(whole: readonly string[], asked: number[] = []) {
    const text = whole.join('')
    return (offset: number) => {
      asked.push(offset)
      return (async function* () {
        for (let at = offset; at < text.length; at += 25_000) yield text.slice(at, at + 25_000)
      })()
    }
  }

  async function leaveAfterFirst(store: ReturnType<typeof memoryStore>, version = '1'): Promise<number> {
    for await (const { bytes } of importPairs({ from: seekable(all), store, name, version })) return bytes
    throw new Error('There was no batch.')
  }

  it('goes on where it was left, and reads only the rest', async () => {
    const store = memoryStore()
    const bytes = await leaveAfterFirst(store)
    const asked: number[] = []
    const summary = await importPairs({ from: seekable(all, asked), store, name, version: '1' }).run()
    expect(asked).toEqual([bytes])
    expect(summary.resumedAfter).toBeGreaterThan(10_000)
    expect(summary.resumedAfter + summary.lines).toBe(all.length)
    expect(store.sink.pairs.get(POST)?.size).toBe(45_000)
    expect(store.sink.pairs.get(LIKE)?.size).toBe(45_000)
  })

  it('goes on in a stream that has only a beginning', async () => {
    const store = memoryStore()
    await leaveAfterFirst(store)
    const summary = await importPairs({ from: textOf(all), store, name, version: '1' }).run()
    expect(summary.resumedAfter).toBeGreaterThan(10_000)
    expect(summary.resumedAfter + summary.lines).toBe(all.length)
  })

  it('begins again when the text is another version, and once it is done', async () => {
    const store = memoryStore()
    await leaveAfterFirst(store, '0')
    const changed = await importPairs({ from: seekable(all), store, name, version: '1' }).run()
    expect(changed).toMatchObject({ resumedAfter: 0, pairs: 90_000 })
    const again = await importPairs({ from: seekable(all), store, name, version: '1' }).run()
    expect(again).toMatchObject({ resumedAfter: 0, pairs: 90_000, added: 0 })
  })

  it('keeps what the header said', async () => {
    const store = memoryStore()
    const table = [
      'id,collection,did\n',
      ...all.map((line) => `7,${line.trim().split(',').reverse().join()}\n`),
    ]
    const from = seekable(table)
    for await (const _ of importPairs({ from, store, name })) break
    expect(await importPairs({ from, store, name }).run()).toMatchObject({ invalid: 0 })
    expect(store.sink.pairs.get(POST)?.size).toBe(45_000)
  })

  it('is done by one at a time: another one waits, says for whom, and has nothing left to do', async () => {
    const store = memoryStore()
    const first = importPairs({ from: seekable(all), store, name })
    await first.next()
    const told = Promise.withResolvers<string>()
    const second = importPairs({
      from: seekable(all),
      store,
      name,
      onEvent: (event) => event.type === 'waiting' && told.resolve(event.relay),
    }).run()
    expect(await told.promise).toBe(`import:${name}`)
    while (!(await first.next()).done);
    expect(await second).toMatchObject({ lines: 0, doneElsewhere: true })
  })

  it('waits for a store that is unavailable, and writes each pair once', async () => {
    const store = memoryStore()
    let down = true
    const types: string[] = []
    const sink = {
      ...store.sink,
      async add(...call: Parameters<typeof store.sink.add>) {
        if (!down) return store.sink.add(...call)
        down = false
        throw new BackfillError('STORE_UNAVAILABLE', 'The store restarts.', { retryable: true })
      },
    }
    const run = importPairs({
      from: seekable(all),
      store: { ...store, sink },
      name,
      onEvent: ({ type }) => types.push(type),
    })
    expect(await run.run()).toMatchObject({ added: 90_000 })
    expect(types).toEqual(['storeUnavailable', 'storeAvailable'])
  })
})

describe('an export', () => {
  it('gives the pairs by collection and DID, as text that an import takes', async () => {
    const store = memoryStore()
    await store.sink.add({ relay: '', collection: POST, dids: [did(2), did(1)] })
    await store.sink.add({ relay: '', collection: LIKE, dids: [did(3)] })
    const textIn = async (options: object) =>
      (await Array.fromAsync(exportPairs({ index: store.index, ...options })))
        .map(({ text }) => text)
        .join('')
    expect(await textIn({})).toBe(`${did(3)},${LIKE}\n${did(1)},${POST}\n${did(2)},${POST}\n`)
    expect(await textIn({ header: true, only: [LIKE] })).toBe(`did,collection\n${did(3)},${LIKE}\n`)
    expect(await textIn({ except: ['app.bsky.feed.like'], format: 'ndjson' })).toBe(
      [1, 2].map((n) => `{"did":"${did(n)}","collection":"${POST}"}\n`).join(''),
    )
    expect(await textIn({ only: ['com.example.none'] })).toBe('')
  })

  it('goes on behind any part', async () => {
    const store = memoryStore()
    for (const collection of [POST, LIKE])
      await store.sink.add({ relay: '', collection, dids: Array.from({ length: 25_000 }, (_, i) => did(i)) })
    const parts = await Array.fromAsync(exportPairs({ index: store.index }))
    expect(parts).toHaveLength(6)
    for (const [i, after] of parts.entries()) {
      const rest = await Array.fromAsync(exportPairs({ index: store.index, after }))
      expect(rest).toEqual(parts.slice(i + 1))
    }
  })

  it('names what it needs where the index cannot tell its collections', () => {
    const index = { listRepos: memoryStore().index.listRepos }
    expect(() => exportPairs({ index })).toThrow(/only/)
    expect(() => exportPairs({ index, only: [POST] })).not.toThrow()
  })
})

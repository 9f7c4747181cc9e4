import { describe, expect, it } from 'vitest'
import { CursorLoopError, TooManyEmptyPagesError } from '../../src/index.ts'
import { advancePosition, MAX_EMPTY_PAGES, type Position } from '../../src/paging/cursor-guard.ts'

const start: Position = { relay: 'relay.test', collection: 'com.example.a', pages: 0, emptyPages: 0 }
const dids = ['did:web:x']

/** Walks a list whose cursors go 1, 2, … `tail + cycle`, and then round and round; gives the pages taken. */
function walkCircle(tail: number, cycle: number, from: Position = start, most = 10_000): number {
  let position = from
  let at = Number(position.cursor ?? 0)
  for (let pages = 1; pages <= most; pages++) {
    at = at < tail + cycle ? at + 1 : tail + 1
    try {
      position = advancePosition(position, { dids, cursor: String(at) })
    } catch (error) {
      expect(error).toBeInstanceOf(CursorLoopError)
      return pages
    }
  }
  return Number.POSITIVE_INFINITY
}

describe('the cursor guard', () => {
  it('finds every cycle, within three times the pages up to its first repeat', () => {
    for (const tail of [0, 1, 2, 3, 7, 8, 50, 300]) {
      for (const cycle of [1, 2, 3, 4, 7, 31, 32, 33, 250]) {
        expect(walkCircle(tail, cycle), `${tail} pages, then a cycle of ${cycle}`).toBeLessThanOrEqual(
          3 * (tail + cycle) + 2,
        )
      }
    }
  })

  it('finds a cycle from what is saved, after a restart at any page', () => {
    for (let pages = 1; pages < 40; pages++) {
      let position = start
      for (let page = 1; page <= pages; page++) {
        const cursor = String(page <= 9 ? page : 6 + ((page - 6) % 4))
        try {
          position = advancePosition(position, { dids, cursor })
        } catch {
          break
        }
      }
      const { cursor, pages: page, loopGuard } = position
      expect(walkCircle(5, 4, { ...start, cursor, pages: page, loopGuard })).toBeLessThanOrEqual(40)
    }
  })

  it('lets a long list through', () => {
    let position = start
    for (let page = 1; page <= 20_000; page++)
      position = advancePosition(position, { dids, cursor: `c${page}` })
    expect(position.pages).toBe(20_000)
  })

  it('lets empty pages through up to the cap, counting only those in a row', () => {
    let position = start
    const empty = (n: number) => advancePosition(position, { dids: [], cursor: `e${n}` })
    for (let n = 1; n < MAX_EMPTY_PAGES; n++) position = empty(n)
    expect(() => empty(0)).toThrow(TooManyEmptyPagesError)
    position = advancePosition(position, { dids, cursor: 'full' })
    expect(position.emptyPages).toBe(0)
    expect(empty(0).emptyPages).toBe(1)
  })

  it('asks nothing of a last page', () => {
    const last = advancePosition({ ...start, cursor: 'a', loopGuard: 'b', pages: 3 }, { dids: [] })
    expect(last.pages).toBe(4)
    expect(last.cursor).toBeUndefined()
  })
})

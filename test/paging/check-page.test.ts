import { describe, expect, it } from 'vitest'
import { checkPage } from '../../src/paging/check-page.ts'

const A = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const B = 'did:web:b.example'
const asked = { relay: 'my lister', collection: 'com.example.thing', cursor: 'c1' }

describe('a page of a lister', () => {
  it('that is right stays as it is, with its own list', () => {
    const dids = [B, A, B]
    const page = checkPage({ dids, cursor: 'c2', invalid: 3 }, asked)
    expect(page).toEqual({ dids, cursor: 'c2', invalid: 3 })
    expect(page.dids).toBe(dids)
    expect(checkPage({ dids, inactive: 2 }, asked)).toEqual({ dids, invalid: 0, inactive: 2 })
  })

  it.each([undefined, null, ''])('with the cursor %j is the last', (cursor) => {
    expect(checkPage({ dids: [A], cursor }, asked)).toEqual({ dids: [A], invalid: 0 })
  })

  it.each([
    ['not-a-did'],
    [7],
    [null],
    [undefined],
    [{ did: A }],
    [`${A}\0`],
    [`did:web:${'x'.repeat(3_000)}`],
  ])('has the entry %j counted and dropped, beside others and alone', (entry) => {
    expect(checkPage({ dids: [A, entry, B], invalid: 1 }, asked)).toEqual({ dids: [A, B], invalid: 2 })
    expect(checkPage({ dids: [entry], cursor: 'c2' }, asked)).toEqual({ dids: [], cursor: 'c2', invalid: 1 })
  })

  it.each([
    ['nothing', undefined, 'not an object'],
    ['null', null, 'not an object'],
    ['a list', [A], 'no list of dids'],
    ['no list', {}, 'no list of dids'],
    ['a list that is a string', { dids: A }, 'no list of dids'],
    ['a numeric cursor', { dids: [A], cursor: 7 }, 'cursor that is not a string'],
    ['a cursor with a NUL', { dids: [A], cursor: 'a\0' }, 'cannot be stored'],
  ])('that is %s is an error that names the lister', (_, given, problem) => {
    expect(() => checkPage(given, asked)).toThrow(
      expect.objectContaining({
        code: 'RELAY_BAD_ANSWER',
        relay: 'my lister',
        collection: 'com.example.thing',
        cursor: 'c1',
        message: expect.stringContaining(problem),
      }),
    )
  })
})

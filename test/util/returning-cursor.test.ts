import { expect, it } from 'vitest'
import { cursorFor } from '../../src/server/xrpc/collection-cursor.ts'
import { returningCursor, walkCursor } from '../../src/util/returning-cursor.ts'

const begun = { series: 'a-series', position: 1_795_727_949_092_000, imports: Number.MAX_SAFE_INTEGER }

it('a walk takes the plain cursor out of one of this library, and ends with the list', () => {
  const plain = cursorFor('com.example.thing', 'did:plc:a')
  expect(walkCursor(returningCursor({ kind: 'list', plain, begun }))).toBe(plain)
  expect(walkCursor(returningCursor({ kind: 'newcomers', plain, begun }))).toBeUndefined()
})

it('a walk leaves the cursors of other servers as they are, whatever they look like', () => {
  for (const cursor of ['abc', 'abc.l.d-e.1.2', 'abc.n.d-e.1.2', 'YWJj.n.x.y.z', '1.n.1.1.1'])
    expect(walkCursor(cursor), cursor).toBe(cursor)
})

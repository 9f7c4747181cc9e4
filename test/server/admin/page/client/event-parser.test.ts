import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createEventParser,
  type StreamEvent,
} from '../../../../../src/server/admin/page/client/event-parser.ts'

function read(...pieces: string[]): { events: StreamEvent[]; lastEventId: string | undefined } {
  const events: StreamEvent[] = []
  const parser = createEventParser((event) => events.push(event))
  for (const piece of pieces) parser.push(piece)
  return { events, lastEventId: parser.lastEventId }
}

const STREAM =
  'retry: 2000\n\n: keep-alive\n\nid: a-1\nevent: page\ndata: {"x":1}\n\nid: a-2\r\ndata:one\r\ndata: two\r\n\r\nevent: lost'

describe('the reader of the event stream', () => {
  it('reads events, joins lines of data, passes over comments, and knows the last id', () => {
    expect(read(STREAM)).toEqual({
      events: [
        { name: 'page', data: '{"x":1}' },
        { name: 'message', data: 'one\ntwo' },
      ],
      lastEventId: 'a-2',
    })
  })

  it('reads the same wherever the pieces end', () => {
    const whole = read(STREAM)
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
        const ends = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length]
        const pieces = ends.slice(1).map((end, i) => STREAM.slice(ends[i], end))
        expect(read(...pieces)).toEqual(whole)
      }),
    )
  })

  it('gives no event that is not complete', () => {
    expect(read('data: half\n').events).toEqual([])
    expect(read('event: page\n\n').events).toEqual([])
  })
})

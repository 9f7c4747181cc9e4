import { encode } from 'cborg'
import { expect, it } from 'vitest'
import { MOST_CBOR_VALUES } from '../../src/live/cbor-size.ts'
import { readFirehose } from '../../src/live/firehose-message.ts'
import { readJetstream } from '../../src/live/jetstream-message.ts'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const LIKE = 'app.bsky.feed.like'
const POST = 'app.bsky.feed.post'

const op = (action: string, collection: string) => ({ action, path: `${collection}/a`, cid: null })
const told = { seq: 1, repo: DID, rev: '3kaaaaaaaaa2a' }

function frameOf(body: object): Uint8Array {
  return Buffer.concat([encode({ op: 1, t: '#commit' }), encode(body)])
}

/** A CAR file whose first block is the root. The CID of each block has its number in place of a hash. */
function carOf(blocks: Iterable<Uint8Array>): Uint8Array {
  const header = Buffer.from([
    0xa2,
    0x65,
    ...Buffer.from('roots'),
    0x81,
    ...linkTo(1),
    0x67,
    ...Buffer.from('version'),
    1,
  ])
  const parts = [varint(header.length), header]
  let number = 0
  for (const block of blocks) {
    number += 1
    const cid = cidOf(number)
    parts.push(varint(cid.length + block.length), Buffer.from(cid), Buffer.from(block))
  }
  return Buffer.concat(parts)
}

const cidOf = (number: number) => [
  1,
  0x71,
  0x12,
  4,
  ...[24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff),
]
const linkTo = (number: number) => [0xd8, 0x2a, 0x49, 0, ...cidOf(number)]

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left])
    bytes.push((left & 0x7f) | 0x80)
  }
}

it('a frame of more tiny values than a message has is not decoded', () => {
  const many = (count: number) => ({ ...told, ops: [op('create', LIKE)], more: Array(count).fill({}) })
  expect(readFirehose(frameOf(many(1_000)))).toMatchObject({ kind: 'commit', written: [LIKE] })
  expect(readFirehose(frameOf(many(MOST_CBOR_VALUES)))).toEqual({ kind: 'invalid' })
  // In the header, in lists that are in lists, in a list that says to be longer than the frame, and cut short.
  const header = Buffer.concat([
    encode({ op: 1, t: '#commit', more: Array(MOST_CBOR_VALUES).fill([]) }),
    encode(told),
  ])
  expect(readFirehose(header)).toEqual({ kind: 'invalid' })
  expect(readFirehose(new Uint8Array(1_000_000).fill(0x81))).toEqual({ kind: 'invalid' })
  expect(readFirehose(Uint8Array.from([0x9b, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))).toEqual({
    kind: 'invalid',
  })
  expect(readFirehose(frameOf(many(10)).subarray(0, -5))).toEqual({ kind: 'invalid' })
})

it('blocks of more values than a proof has prove nothing, and the rest of the commit is read', () => {
  const ops = [op('create', LIKE), op('delete', POST)]
  const commit = Uint8Array.from([0xa1, 0x64, ...Buffer.from('data'), ...linkTo(2)])
  const node = (more: number) => encode({ e: [], l: null, more: Array(more).fill({}) })
  const tiny = Array<Uint8Array>(MOST_CBOR_VALUES).fill(Uint8Array.from([0xa0]))
  const read = (blocks: Uint8Array[]) => readFirehose(frameOf({ ...told, ops, blocks: carOf(blocks) }))
  expect(read([commit, node(1_000)])).toMatchObject({ written: [LIKE], emptied: [POST], unproven: [] })
  const unproven = { written: [LIKE], emptied: [], unproven: [POST] }
  expect(read([commit, node(MOST_CBOR_VALUES)])).toMatchObject(unproven)
  expect(read([commit, node(1_000), ...tiny])).toMatchObject(unproven)
})

it('a message of a Jetstream with more values than a record has is not parsed', () => {
  const message = (count: number) =>
    JSON.stringify({
      did: DID,
      time_us: 1,
      kind: 'commit',
      commit: {
        rev: told.rev,
        operation: 'create',
        collection: LIKE,
        record: { more: Array(count).fill({}) },
      },
    })
  expect(readJetstream(message(1_000))).toMatchObject({ kind: 'commit', written: [LIKE] })
  expect(readJetstream(message(200_000))).toEqual({ kind: 'invalid' })
})

import { describe, expect, it } from 'vitest'
import { pairReader, pairText } from '../../src/transfer/pair-text.ts'

const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'
const POST = 'app.bsky.feed.post'
const PAIR = { did: DID, collection: POST }

describe('a line', () => {
  it.each([
    ['as collectiondir’s build reads it', `${DID},${POST}`],
    ['with further columns, as its export gives', `${DID},${POST},1758000000000`],
    ['in quotes', `"${DID}","${POST}"`],
    ['with the collection first, as a query of the view gives it', `${POST},${DID}`],
    ['with spaces', ` ${DID} , "${POST}" `],
    ['behind a byte order mark', `\ufeff${DID},${POST}`],
    ['of JSON', `{"collection":"${POST}","did":"${DID}","seen":1}`],
    ['with capital letters in the authority', `${DID},App.Bsky.feed.post`],
  ])('%s is a pair', (_, line) => {
    expect(pairReader().read(line)).toEqual(PAIR)
  })

  it.each([
    ['not-a-did,app.bsky.feed.post', 'no valid DID'],
    [`${DID}\0,${POST}`, 'no valid DID'],
    [`${DID},com.example.with_underscore`, 'no valid NSID'],
    [`${DID},self`, 'no valid NSID'],
    [DID, 'no two columns'],
    [`"${DID},${POST}`, 'a quote that is not closed'],
    [`${DID},${POST},"a note`, 'a quote that is not closed'],
    [`${DID};${POST}`, 'no two columns'],
    ['{"did":"did:plc:abc"', 'no JSON'],
    [`{"did":"${DID}"}`, 'no valid NSID'],
    ['{"did":5,"collection":[]}', 'no valid DID'],
    [undefined, 'longer than 65,536 bytes'],
  ])('%j is none: %s', (line, problem) => {
    expect(pairReader().read(line)).toEqual({ problem })
  })

  it.each(['', '   ', '\ufeff', 'did,collection', 'DID,Collection,millis', '"collection","did"'])(
    '%j holds nothing to import',
    (line) => {
      expect(pairReader().read(line)).toBe('nothing')
    },
  )

  it('is read by the header before it, wherever its columns stand', () => {
    const reader = pairReader()
    reader.read('id,collection,rev,did')
    expect(reader.read(`7,${POST},3k,${DID}`)).toEqual(PAIR)
    expect(pairReader(reader.columns).read(`8,${POST},3k,${DID}`)).toEqual(PAIR)
    reader.read('did,collection')
    expect(reader.read(`${DID},${POST}`)).toEqual(PAIR)
  })
})

it.each(['csv', 'ndjson'] as const)('what is written as %s is read as it was', (format) => {
  const dids = [DID, 'did:web:example.com%3A8080']
  const text = pairText(format, POST, dids)
  const reader = pairReader()
  expect(
    text
      .trimEnd()
      .split('\n')
      .map((line) => reader.read(line)),
  ).toEqual(dids.map((did) => ({ did, collection: POST })))
})

it('CSV has quotes where a reader of CSV needs them', () => {
  expect(pairText('csv', 'a"b', ['x,y', 'z'])).toBe('"x,y","a""b"\nz,"a""b"\n')
})

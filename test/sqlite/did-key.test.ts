import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { didOfKey, keyOfDid, PLC_LETTERS } from '../../src/sqlite/did-key.ts'
import { createTables } from '../../src/sqlite/sqlite-tables.ts'
import { didsFrom } from '../../src/testing/suites/samples.ts'

const letters = (min: number, max: number, alphabet: string) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: min, maxLength: max })

/** All that may stand in a DID. */
const ANY = `${PLC_LETTERS}0189ABYZ.-_:%`
const plc = letters(24, 24, PLC_LETTERS).map((id) => `did:plc:${id}`)
/** The ends of the alphabet, so that texts share long beginnings and differ by a letter, or by what is none. */
const nearly = letters(0, 26, '27az1B').map((id) => `did:plc:${id}`)
const did = fc.oneof(
  plc,
  nearly,
  letters(24, 24, '2z').map((id) => `did:plc:${id}`),
  letters(0, 40, ANY).map((id) => `did:plc:${id}`),
  letters(1, 30, ANY).map((id) => `did:web:${id}`),
  letters(1, 30, ANY).map((id) => `did:key:${id}`),
  letters(0, 12, ANY).map((id) => `did:pl${id}`),
  letters(0, 12, ANY),
)

const inOrder = (texts: Iterable<string>) => [...texts].sort()

function sortedBySqlite(dids: readonly string[]): string[] {
  const db = new DatabaseSync(':memory:')
  db.exec('create table keys (key any primary key) strict, without rowid')
  const insert = db.prepare('insert into keys values (?)')
  for (const text of dids) insert.run(keyOfDid(text))
  const rows = db.prepare('select key from keys order by key').all()
  db.close()
  return rows.map(({ key }) => didOfKey(key as string | Uint8Array))
}

it('a key is 15 bytes for nearly all DIDs, and tells which DID it is for all', () => {
  for (const text of didsFrom(0, 100)) expect(keyOfDid(text)).toHaveLength(15)
  fc.assert(
    fc.property(did, (text) => didOfKey(keyOfDid(text)) === text),
    { numRuns: 2_000 },
  )
})

it('the order of the keys in SQLite is the order of the DIDs', () => {
  fc.assert(
    fc.property(fc.uniqueArray(did, { minLength: 2, maxLength: 60 }), (dids) => {
      expect(sortedBySqlite(dids)).toEqual(inOrder(dids))
    }),
    { numRuns: 150 },
  )
})

it('the view shows the DIDs that the keys stand for', () => {
  const db = new DatabaseSync(':memory:')
  createTables({
    exec: (sql) => db.exec(sql),
    run: () => 0,
    get: () => undefined,
    all: () => [],
    close: () => {},
  })
  db.exec("insert into collection_index_nsid (id, nsid) values (1, 'com.example.thing')")
  const dids = fc.sample(did, 500)
  dids.push('did:plc:222222222222222222222222', 'did:plc:zzzzzzzzzzzzzzzzzzzzzzzz')
  const insert = db.prepare('insert or ignore into collection_index_pair values (1, ?)')
  for (const text of dids) insert.run(keyOfDid(text))
  const rows = db.prepare('select collection, did from collection_index').all()
  expect(inOrder(rows.map(({ did: shown }) => String(shown)))).toEqual(inOrder(new Set(dids)))
  expect(rows[0]).toMatchObject({ collection: 'com.example.thing' })
  db.close()
})

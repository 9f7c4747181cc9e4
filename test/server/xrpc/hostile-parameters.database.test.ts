import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OpenedStore } from '../../../src/contracts/opened-store.ts'
import { openPostgres } from '../../../src/postgres/index.ts'
import { xrpcHandler } from '../../../src/server/index.ts'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { createPostgres } from '../../support/databases.ts'
import { didsFrom } from '../../support/store-steps.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const NAME = 'com.example.thing'
const PATHS = [
  '/xrpc/com.atproto.sync.listReposByCollection',
  '/xrpc/com.atproto.sync.listRepos',
  '/xrpc/com.atproto.sync.getRepoStatus',
  '/v1/listCollections',
  '/v1/getDidsForCollection',
]
const PARAMETERS = ['collection', 'limit', 'cursor', 'did', 'c']

const base64 = (text: string) => Buffer.from(text).toString('base64url')
/** What a cursor may be made of by one who knows what it looks like. */
const insides = [
  '',
  '\0',
  'a\0b',
  "'; drop table x; --",
  '\uFFFF',
  'did:plc:',
  'did:plc:😀',
  'x'.repeat(3_000),
]
const plain = fc
  .tuple(fc.constantFrom(NAME, 'com.atproto.sync.listRepos', '', '*1-1'), fc.constantFrom(...insides))
  .map(([name, inside]) => base64(`${name}\0${inside}`))
const suffix = fc
  .tuple(fc.constantFrom('l', 'n', 'x'), fc.constantFrom('a', "'", 'SERIES'), fc.string(), fc.nat())
  .map(([kind, series, position, imports]) => `.${kind}.${series}.${position}.${imports.toString(36)}`)
const cursor = fc.oneof(
  plain,
  fc.tuple(plain, suffix).map(([head, tail]) => head + tail),
)
const anything = fc.oneof(
  fc.constantFrom(
    NAME,
    'com.example.other',
    'did:plc:a',
    '0',
    '1',
    '-1',
    '2000',
    '1e3',
    '99999999999999999999',
  ),
  fc.constantFrom('\0', 'é'.repeat(5_000), '%', '%00', '../..', '__proto__'),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const cursors = fc.array(fc.tuple(fc.constant('cursor'), cursor), { minLength: 1, maxLength: 1 })
const one = fc.constantFrom<[string, string][]>([['collection', NAME]], [])
const wild = fc.array(fc.tuple(fc.constantFrom(...PARAMETERS), anything), { maxLength: 4 })
const request = fc.tuple(
  fc.constantFrom(...PATHS),
  fc.oneof(
    fc.tuple(one, cursors).map(([named, given]) => [...named, ...given]),
    wild,
    fc.tuple(wild, cursors).map((both) => both.flat()),
  ),
)

async function assertHolds(store: OpenedStore): Promise<void> {
  await store.sink.add({ relay: 'x', collection: NAME, dids: didsFrom(0, 20) })
  await store.feed.apply({
    feed: 'feed:x',
    accounts: didsFrom(0, 3).map((did) => ({ did, active: true })),
    added: [{ did: didsFrom(30, 1)[0] ?? '', collection: NAME }],
  })
  const { index, feed, progress } = store
  const { series } = await feed.positions()
  const failures: unknown[] = []
  const handler = xrpcHandler({
    index,
    feed,
    progress,
    severalCollections: true,
    onError: ({ error }) => failures.push(error),
  })
  const property = fc.asyncProperty(request, async ([path, parameters]) => {
    const query = new URLSearchParams(
      parameters.map(([name, given]) => [name, given.replace('SERIES', series)]),
    )
    failures.length = 0
    const response = await handler(new Request(`http://relay.example${path}?${query}`))
    const body = await response.json()
    expect(failures).toEqual([])
    expect([200, 400, 501]).toContain(response.status)
    if (response.status !== 200) expect(Object.keys(body as object)).toEqual(['error', 'message'])
  })
  await fc.assert(property, { numRuns: 400 })
}

describe('whatever the parameters are, an answer is a page or says what is wrong with them', () => {
  it('on Postgres', async () => {
    await using database = await createPostgres()
    await using store = await openPostgres(database.url)
    await assertHolds(store)
  })

  it('on SQLite', async () => {
    await using folder = await temporaryFolder()
    await using store = await openSqlite(join(folder.path, 'index.sqlite'))
    await assertHolds(store)
  })
})

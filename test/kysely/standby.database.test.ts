import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BackfillEvent, createBackfiller, knownCollections } from '../../src/index.ts'
import { createDidIndex, migrateToLatest } from '../../src/kysely/index.ts'
import { type OpenStore, openPostgres } from '../../src/postgres/index.ts'
import { xrpcHandler } from '../../src/server/index.ts'
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts'
import { didsOf, gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const dids = didsOf(pagesOf(A, 3)).toSorted()
const LIST = `http://index.example/xrpc/com.atproto.sync.listReposByCollection?collection=${A}`

let primary: PostgresServer
let standby: PostgresServer
beforeAll(async () => {
  primary = await startPostgresServer()
  await using store = await openPostgres(primary.url)
  await backfillOf(store, [A]).run()
  await createDidIndex(store.db)
  standby = await primary.startStandby()
})
afterAll(async () => {
  await standby[Symbol.asyncDispose]()
  await primary[Symbol.asyncDispose]()
})

function backfillOf(store: OpenStore, collections: string[], onEvent = (_: BackfillEvent) => {}) {
  const relay = scriptedLister({ [A]: pagesOf(A, 3), [B]: pagesOf(B, 2) })
  return createBackfiller({ relay, collections: [knownCollections(collections)], store, onEvent })
}

describe('on a hot standby', () => {
  it('status, index and XRPC can be read, and are what the primary has', async () => {
    await using store = await openPostgres(standby.url)
    const { rows } = await sql`select pg_is_in_recovery() as follows`.execute(store.db)
    expect(rows).toEqual([{ follows: true }])
    await migrateToLatest(store.db)
    expect(await backfillOf(store, [A]).status()).toMatchObject({ total: 1, complete: 1, imported: 6 })
    expect(await store.index.listRepos(A)).toEqual({ dids })
    expect(await store.index.listCollections()).toMatchObject({ collections: [{ nsid: A }] })
    expect(await store.index.collectionsOf(dids[0] ?? '')).toEqual({ collections: [A] })
    const answer = await xrpcHandler({ index: store.index })(new Request(LIST))
    expect(await answer.json()).toEqual({ repos: dids.map((did) => ({ did })) })
  })

  it('the index is not made smaller, and why is said', async () => {
    await using store = await openPostgres(standby.url)
    const failure = await store.compact().catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(String(failure)).toContain('during recovery')
  })

  it('a run says that the database is read-only, waits, and goes on once that is promoted', async () => {
    await using store = await openPostgres(standby.url)
    const told = gate<unknown>()
    const failures: unknown[] = []
    const run = backfillOf(store, [A, B], (event) => {
      if (event.type !== 'storeUnavailable') return
      failures.push(event.error)
      void told.wait()
    }).run()
    await told.reached
    expect(failures[0]).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(String(failures[0])).toContain('in a read-only transaction')
    await primary.stopHard()
    await sql`select pg_promote()`.execute(store.db)
    expect(await run).toMatchObject({ completed: 1, added: 4 })
    expect(await store.index.listRepos(B)).toEqual({ dids: didsOf(pagesOf(B, 2)).toSorted() })
  })
})

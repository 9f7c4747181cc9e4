import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createPostgres, type TestKysely } from '../support/databases.ts'
import { rejection } from '../support/fault-run.ts'
import { type Fate, startTcpProxy } from '../support/tcp-proxy.ts'

/** A table with one row for each INSERT that arrived, and a connection to it through the proxy. */
async function setUp() {
  const postgres = await createPostgres()
  const proxy = await startTcpProxy(postgres.url)
  await sql`create table arrived (n int)`.execute(postgres.db)
  const through = postgres.connect({ connectionString: proxy.url({ query_timeout: '200' }), max: 1 })
  return {
    proxy,
    through,
    arrivals: async () => (await sql`select n from arrived`.execute(postgres.db)).rows.length,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

const insert = (db: TestKysely) => sql`insert into arrived values (${1}::int)`.execute(db)

describe('the proxy', () => {
  it('lets everything through, and counts it', async () => {
    await using parts = await setUp()
    const { proxy, through } = parts
    for (let n = 0; n < 3; n += 1) await insert(through)
    expect(await parts.arrivals()).toBe(3)
    expect([proxy.accepted, proxy.open]).toEqual([1, 1])
    expect(proxy.passed['to-server']).toBeGreaterThan(100)
    expect(proxy.passed['to-client']).toBeGreaterThan(100)
  })

  it.each<{ fate: Fate; arrives: number; error: RegExp }>([
    { fate: 'cut', arrives: 0, error: /terminated|ECONNRESET/ },
    { fate: 'cut-answer', arrives: 1, error: /terminated|ECONNRESET/ },
    { fate: 'swallow', arrives: 0, error: /timeout/ },
    { fate: 'swallow-answer', arrives: 1, error: /timeout/ },
    { fate: 'vanish', arrives: 0, error: /timeout/ },
  ])('$fate: what arrives at the server, and what the client hears', async ({ fate, arrives, error }) => {
    await using parts = await setUp()
    const { proxy, through } = parts
    await sql`select 1`.execute(through)
    const { reached } = proxy.onClientMessage(/^insert into arrived/, fate)
    expect(String(await rejection(insert(through)))).toMatch(error)
    await reached
    await expect.poll(parts.arrivals).toBe(arrives)
  })

  it('keeps a message back until a promise settles', async () => {
    await using parts = await setUp()
    const { promise, resolve } = Promise.withResolvers<void>()
    const { reached } = parts.proxy.onClientMessage(/^insert into arrived/, promise)
    const inserted = insert(parts.through)
    await reached
    expect(await parts.arrivals()).toBe(0)
    resolve()
    await inserted
    expect(await parts.arrivals()).toBe(1)
  })

  it.each(['to-server', 'to-client'] as const)('breaks the connection at a byte %s', async (direction) => {
    await using parts = await setUp()
    const { proxy, through } = parts
    await insert(through)
    proxy.cutAtByte(direction, 7)
    expect(String(await rejection(insert(through)))).toMatch(/terminated|ECONNRESET/)
    expect(proxy.passed[direction]).toBe(7)
    await insert(through)
    expect(proxy.accepted).toBe(2)
  })
})

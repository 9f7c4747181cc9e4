import { expect, test } from 'vitest'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import type { AdminStatus } from '../../src/server/index.ts'
import { createPostgres } from '../support/databases.ts'
import { BIG, startParkedRelay } from '../support/parked-relay.ts'
import { startExample } from './run-example.ts'

const TOKEN = 'a-token-of-more-than-16-characters'
const PROFILE = 'app.bsky.actor.profile'
const authorization = `Bearer ${TOKEN}`

async function statusAt(url: string): Promise<AdminStatus> {
  const response = await fetch(url, { headers: { authorization } })
  expect(response.status).toBe(200)
  return (await response.json()) as AdminStatus
}

/** Reads a stream of events until it says something, and hangs up. */
async function readUntil(url: string, pattern: RegExp): Promise<string> {
  const leaving = new AbortController()
  const response = await fetch(`${url}/events`, { headers: { authorization }, signal: leaving.signal })
  let text = ''
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (!pattern.test(text)) continue
    leaving.abort()
    return text
  }
  throw new Error(`The stream ended before ${pattern}`)
}

test('server-hono.ts fills an index on request and serves it beside the admin endpoints', async () => {
  await using example = startExample('server-hono.ts', { env: { PORT: '0', ADMIN_TOKEN: TOKEN, RELAY: '' } })
  const [, admin = ''] = await example.until(/^(http:\S+\/admin\/backfill-collections), token/m)
  expect((await fetch(admin, { method: 'POST' })).status).toBe(401)
  const started = await fetch(admin, { method: 'POST', headers: { authorization } })
  expect(await started.json()).toMatchObject({ status: 'started', collections: 3 })
  await readUntil(admin, /"outcome":"complete"/)
  expect(await statusAt(admin)).toMatchObject({
    running: false,
    total: 3,
    completed: 3,
    total_imported: 17_200,
  })

  const query = 'collection=com.whtwnd.blog.entry&limit=2000'
  const listed = await fetch(new URL(`/xrpc/com.atproto.sync.listReposByCollection?${query}`, admin))
  expect(((await listed.json()) as { repos: unknown[] }).repos).toHaveLength(700)

  example.kill('SIGTERM')
  const { code, stdout, stderr } = await example.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+: complete/m)
})

test('server-node.ts follows a run over node:http, and hands its claims back when it is told to end', async () => {
  await using postgres = await createPostgres()
  await using parked = await startParkedRelay(0)
  const { relay } = parked
  const env = {
    PORT: '0',
    ADMIN_TOKEN: TOKEN,
    DATABASE_URL: postgres.url,
    RELAY: relay.url,
    GARDEN: relay.gardenUrl,
  }
  await using example = startExample('server-node.ts', { env })
  const [, admin = ''] = await example.until(/^(http:\S+\/admin\/backfill-collections), token/m)
  const started = await fetch(admin, { method: 'POST', headers: { authorization } })
  expect(await started.json()).toEqual({ status: 'started', source: relay.url, collections: 2 })
  const text = await readUntil(admin, /event: page/)
  expect(text).toContain('event: snapshot')
  expect(await statusAt(admin)).toMatchObject({ running: true, total: 2, in_progress: expect.any(Number) })
  expect((await fetch(new URL('/other', admin), { headers: { authorization } })).status).toBe(404)

  // A viewer that is still there must not hold the process up.
  const viewer = await fetch(`${admin}/events`, { headers: { authorization } })
  example.kill('SIGTERM')
  const { code, stdout, stderr } = await example.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`${relay.url}: stopped`)
  expect(await viewer.text()).toContain('"outcome":"stopped"')
  const rows = await kyselyProgressStore(postgres.db).list()
  expect(rows.map(({ collection }) => collection)).toEqual([PROFILE, BIG])
  expect(rows.map(({ state }) => state)).not.toContain('running')
})

import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AtpAgent } from '@atproto/api'
import { describe, expect, test } from 'vitest'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { startRelay, type TestRelay } from '../../../src/testing/index.ts'
import { cliProcess, jsonLines, startCli } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { BIG, startParkedRelay, WALK_BIG } from '../../support/parked-relay.ts'
import { startPostgresServer } from '../../support/postgres-server.ts'
import { freePort, type RunningProgram } from '../../support/program.ts'
import { exposedSeries } from '../../support/prometheus-text.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const PROFILE = 'app.bsky.actor.profile'
const POST = 'app.bsky.feed.post'
const TOKEN = 'a-token-of-the-operator'
const SIZES = { [PROFILE]: 5_000, [POST]: 3_000 }

interface Service extends AsyncDisposable {
  readonly program: RunningProgram
  readonly url: string
}

/** `serve` as a process, once it listens; its relay has no feed. */
async function startService(
  relay: Pick<TestRelay, 'url' | 'gardenUrl'>,
  ...more: string[]
): Promise<Service> {
  const sources = ['--source', `garden=${relay.gardenUrl}`, '--no-feed']
  const program = startCli(['serve', '--relay', relay.url, ...sources, '--port', '0', ...more])
  const [, url = ''] = await program.until(/^serves (http:\S+)$/m)
  return { program, url, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

async function listAll(url: string, collection: string): Promise<string[]> {
  const { sync } = new AtpAgent({ service: url }).com.atproto
  const dids: string[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await sync.listReposByCollection({ collection, limit: 2_000, ...(cursor && { cursor }) })
    dids.push(...page.data.repos.map(({ did }) => did))
    cursor = page.data.cursor
    if (cursor === undefined) return dids
  }
}

const json = async (url: string, init?: RequestInit) => {
  const answer = await fetch(url, init)
  return { status: answer.status, headers: answer.headers, body: await answer.json() }
}

describe('serve', () => {
  test('imports the backlog and serves it, with health, metrics and the admin endpoint, and ends cleanly', async () => {
    await using relay = await startRelay({ collections: SIZES })
    await using folder = await temporaryFolder()
    const data = join(folder.path, 'index.sqlite')
    await using service = await startService(relay, '--data', data, '--admin-token', TOKEN)
    const { program, url } = service
    await program.until(/the backlog is complete: 2 collections, 8,000/)

    expect(await listAll(url, PROFILE)).toEqual([...relay.dids(PROFILE)].toSorted())
    for (const path of ['/_health', '/xrpc/_health']) {
      expect(await json(url + path)).toMatchObject({
        status: 200,
        body: { status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/), backlog: 'complete' },
      })
    }
    const admin = `${url}/admin/backfill-collections`
    expect((await json(admin)).status).toBe(401)
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect(await json(admin, { headers })).toMatchObject({
      status: 200,
      body: { outcome: 'complete', total: 2, total_imported: 8_000 },
    })
    expect(await (await fetch(admin, { headers: { accept: 'text/html' } })).text()).toContain(
      '<!doctype html>',
    )

    const metrics = await fetch(`${url}/metrics`)
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const series = exposedSeries(await metrics.text())
    expect(series.get('atproto_backfill_imported_total')).toMatchObject([{ value: 8_000 }])
    expect(series.get('atproto_backfill_server_answers_total')).toContainEqual({
      labels: {
        atproto_backfill_server_route: 'health',
        http_response_status_code: '200',
      },
      value: 2,
    })

    program.kill('SIGTERM')
    expect(await program.ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('has no admin endpoint without a token, and serves what the lexicon has not where it is told to', async () => {
    await using relay = await startRelay({ collections: SIZES })
    await using folder = await temporaryFolder()
    const data = join(folder.path, 'index.sqlite')
    const union = `/xrpc/com.atproto.sync.listReposByCollection?collection=${PROFILE}&collection=${POST}&limit=9000`
    const more = ['--max-limit', '9000', '--several-collections']
    await using service = await startService(relay, '--data', data, ...more)
    expect((await json(`${service.url}/admin/backfill-collections`)).status).toBe(404)
    await service.program.until(/the backlog is complete/)
    const dids = [...new Set([...relay.dids(PROFILE), ...relay.dids(POST)])].sort()
    expect(await json(service.url + union)).toMatchObject({
      status: 200,
      body: { repos: dids.map((did) => ({ did })) },
    })
  })

  test('answers 503 with Retry-After while the database is away at the start, and serves once it is there', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    await using postgres = await createPostgres()
    const port = await freePort()
    const away = new URL(postgres.url)
    away.port = String(port)
    await using service = await startService(relay, '--database', away.href)
    const { program, url } = service
    for (const path of ['/_health', `/xrpc/com.atproto.sync.listReposByCollection?collection=${PROFILE}`]) {
      const { status, headers } = await json(url + path)
      expect([path, status, Number(headers.get('retry-after')) > 0]).toEqual([path, 503, true])
    }
    expect((await fetch(`${url}/metrics`)).status).toBe(200)
    program.kill('SIGTERM')
    const { code, stderr } = await program.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Trying again in') })
  })
})

describe('serve in trouble', () => {
  test('keeps answering while its relay is down at the start, says so, and imports once it is there', async () => {
    const port = await freePort()
    await using folder = await temporaryFolder()
    const away = { url: `http://127.0.0.1:${port}`, gardenUrl: `http://127.0.0.1:${port}/llms.txt` }
    const data = ['--data', join(folder.path, 'index.sqlite')]
    await using service = await startService(away, ...data, '--retries', '0')
    const { program, url } = service
    await program.until(/✗ \S+ .*(?:It is tried again)/s)
    expect(await json(`${url}/_health`)).toMatchObject({ status: 200, body: { backlog: 'waiting' } })
    expect(await listAll(url, PROFILE)).toEqual([])
    await using _relay = await startRelay({ collections: { [PROFILE]: 10 }, port })
    await program.until(/the backlog is complete: 1 collection, 10/)
    expect(await listAll(url, PROFILE)).toHaveLength(10)
  })

  test('answers 503 with Retry-After while its database is down, and serves again once it is back', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    await using server = await startPostgresServer()
    await using service = await startService(relay, '--database', server.url)
    const { program, url } = service
    await program.until(/the backlog is complete/)
    const list = `${url}/xrpc/com.atproto.sync.listReposByCollection?collection=${PROFILE}`
    expect((await json(list)).status).toBe(200)
    await server.stopHard()
    for (const path of [list, `${url}/_health`]) {
      await expect.poll(async () => (await json(path)).status).toBe(503)
      expect(Number((await json(path)).headers.get('retry-after'))).toBeGreaterThan(0)
    }
    await server.start()
    for (const path of [list, `${url}/_health`])
      await expect.poll(async () => (await json(path)).status, { timeout: 20_000 }).toBe(200)
    program.kill('SIGTERM')
    expect((await program.ended).code).toBe(0)
  })

  test('stops cleanly in the middle of everything', async () => {
    await using parked = await startParkedRelay(2)
    await using folder = await temporaryFolder()
    const data = join(folder.path, 'index.sqlite')
    const more = ['--data', data, '--admin-token', TOKEN, ...WALK_BIG]
    await using service = await startService(parked.relay, ...more)
    const { program, url } = service
    await parked.parked
    const headers = { authorization: `Bearer ${TOKEN}` }
    const viewer = await fetch(`${url}/admin/backfill-collections/events`, { headers })
    // A client that has not finished its request, and one that sends nothing.
    const slow = connect(Number(new URL(url).port))
    slow.on('error', () => {}).write('GET / HTTP/1.1\r\n')
    await once(slow, 'connect')
    program.kill('SIGTERM')
    // One that takes longer than two seconds is ended, with 143.
    const { code, stderr } = await program.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    await viewer.text()
    await using store = await openSqlite(data)
    const rows = await store.progress.list()
    expect(rows.map(({ state }) => state)).not.toContain('running')
    expect(rows.find(({ collection }) => collection === BIG)?.imported).toBe(200)
  })
})

describe('serve says what is wrong, and touches nothing', () => {
  test('where the file is a database of another program', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'other.sqlite')
    const other = new DatabaseSync(file)
    other.exec('create table theirs (a)')
    other.close()
    const args = ['serve', '--relay', 'relay.example', '--port', '0', '--data', file]
    const { code, stderr } = await cliProcess(args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/is a database of another program: give a file of its own\.\n$/)
  })

  test('where the port is in use', async () => {
    await using folder = await temporaryFolder()
    const other = createServer().listen(0)
    await once(other, 'listening')
    const port = String((other.address() as AddressInfo).port)
    const { code, stderr, stdout } = await cliProcess(['serve', '--relay', 'relay.example', '--port', port], {
      cwd: folder.path,
    })
    other.close()
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `atproto-collection-backfill: The port ${port} is in use: another program listens there. Give another port.\n`,
    })
    expect(await readdir(folder.path)).toEqual([])
  })

  test('where the token is too short', async () => {
    await using folder = await temporaryFolder()
    const args = ['serve', '--relay', 'relay.example', '--port', '0', '--admin-token', 'short']
    const { code, stderr } = await cliProcess(args, { cwd: folder.path })
    expect(code).toBe(2)
    expect(stderr).toContain('at least 16 visible ASCII characters')
    expect(stderr).not.toContain('short')
    expect(await readdir(folder.path)).toEqual([])
  })
})

test('serve --json tells each thing as an object in a line', async () => {
  await using relay = await startRelay({ collections: SIZES })
  await using folder = await temporaryFolder()
  const sources = ['--source', `garden=${relay.gardenUrl}`, '--no-feed']
  const where = ['--data', join(folder.path, 'index.sqlite'), '--port', '0']
  await using program = startCli(['serve', '--relay', relay.url, ...sources, ...where, '--json'])
  await program.until(/"type":"runEnded"/)
  program.kill('SIGINT')
  const { code, stdout } = await program.ended
  expect(code).toBe(0)
  const lines = jsonLines(stdout)
  expect(lines[0]).toMatchObject({ type: 'begin', url: expect.stringMatching(/^http:\/\/localhost:\d+$/) })
  expect(lines).toContainEqual(expect.objectContaining({ type: 'runEnded', outcome: 'complete' }))
  expect(lines.at(-1)).toMatchObject({ type: 'end', outcome: 'stopped' })
})

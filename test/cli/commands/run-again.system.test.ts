import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRelay } from '../../../src/testing/index.ts'
import { openTab, startBrowser } from '../../support/browser.ts'
import { cli, jsonLines, startCli } from '../../support/cli.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'
import { freePort } from '../../support/program.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts'

const PROFILE = 'app.bsky.actor.profile'

let folder: TemporaryFolder
let files = 0
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

/** `run` into a file of its own. */
function runFrom({ url }: { url: string }, ...more: string[]): string[] {
  files += 1
  const data = `${folder.path}/${files}.sqlite`
  return [
    'run',
    '--relay',
    url,
    '--data',
    data,
    '--collection',
    PROFILE,
    '--page-size',
    '100',
    '--json',
    ...more,
  ]
}

interface Hook extends AsyncDisposable {
  readonly url: string
  readonly received: Record<string, unknown>[]
}

/** Takes notices, and answers them one after the other with these, the last one again and again. */
async function startHook(...statuses: number[]): Promise<Hook> {
  const received: Record<string, unknown>[] = []
  const server = createServer(async (request, response) => {
    received.push((await json(request)) as Record<string, unknown>)
    response.writeHead(statuses[Math.min(received.length, statuses.length) - 1] ?? 200).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path?token=s3cret`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

describe('--every', () => {
  it('a run that fails is told, the next one comes, and refreshes what is old; a signal ends the wait', async () => {
    let isAway = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 45 },
      script: () => (isAway ? { status: 404, body: { error: 'NotFound' } } : undefined),
    })
    await using program = startCli(runFrom(relay, '--every', '1s', '--retries', '0'))
    await program.until(/"type":"end".*"outcome":"failed"/)
    isAway = false
    await program.until(/("outcome":"complete"[\s\S]*){2}"nextRun"/)
    program.kill('SIGTERM')
    const { code, stdout, stderr } = await program.ended
    expect(code).toBe(143)
    expect(stderr).toContain('404')
    const types = jsonLines(stdout).map(({ type }) => type)
    expect(types.filter((type) => type === 'nextRun').length).toBeGreaterThanOrEqual(3)
    // Each complete run has read the collection again.
    const completed = jsonLines(stdout).filter(
      ({ type, completed: done }) => type === 'page' && done === true,
    )
    expect(completed.length).toBeGreaterThanOrEqual(2)
  })

  it('what no further run can mend ends it', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    const { code, stderr } = await cli(runFrom(relay, '--every', '1s', '--data', folder.path))
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('is a folder') })
  })
})

describe('--notify', () => {
  it('tells of a complete run, again where the server was away, and nothing of the URL is shown', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using hook = await startHook(503, 200)
    const { code, stdout, stderr } = await cli(runFrom(relay, '--notify', hook.url))
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^! \S+ could not be notified: it answered 503\. Again in \ds\.\n$/),
    })
    expect(hook.received).toHaveLength(2)
    expect(hook.received[1]).toMatchObject({
      type: 'end',
      outcome: 'complete',
      exitCode: 0,
      relays: [relay.url],
      text: `The collection backfill from ${relay.url} is complete.`,
      summary: { imported: 45 },
    })
    expect(stdout + stderr).not.toContain('s3cret')
  })

  it('tells of a run that failed; a server that refuses it is told, and the exit code stays', async () => {
    await using hook = await startHook(404)
    const gone = { url: `http://127.0.0.1:${await freePort()}` }
    const failed = await cli(runFrom(gone, '--notify', hook.url, '--retries', '0'))
    expect(failed.code).toBe(1)
    expect(hook.received).toMatchObject([{ outcome: 'failed', error: { code: 'RELAY_UNREACHABLE' } }])
    expect(failed.stderr).toContain(`! ${new URL(hook.url).origin} could not be notified: it answered 404.\n`)
    expect(failed.stderr).not.toContain('secret')
  })

  it('tells of a run that was interrupted', async () => {
    await using parked = await startParkedRelay(1)
    await using hook = await startHook(200)
    await using program = startCli([...runFrom(parked.relay, '--notify', hook.url), '--collection', BIG])
    await parked.parked
    program.kill('SIGINT')
    expect((await program.ended).code).toBe(130)
    expect(hook.received).toMatchObject([{ outcome: 'interrupted', exitCode: 130 }])
  })

  it.each(['hooks.example/s3cret', 'ftp://hooks.example/s3cret', 'https://me:s3cret@hooks.example/'])(
    '%s is refused, and not repeated',
    async (url) => {
      const { code, stderr } = await cli(runFrom({ url: 'relay.example' }, '--notify', url))
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--notify must be') })
      expect(stderr).not.toContain('s3cret')
    },
  )
})

describe('--serve', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterAll(() => browser?.close())

  it('shows the run to a browser on this machine without a token, and lets nobody change it', async () => {
    await using parked = await startParkedRelay(3)
    const args = [...runFrom(parked.relay, '--serve', '0', '--metrics-port', '0'), '--collection', BIG]
    await using program = startCli(args)
    const [, status = '', metrics = ''] = await program.until(/"status":"([^"]+)","metrics":"([^"]+)"/)
    await parked.parked

    await using tab = await openTab(browser)
    const { page } = tab
    await page.goto(status)
    const row = page.getByRole('row').filter({ has: page.locator(`[title="${BIG}"]`) })
    await row.filter({ hasText: /Running 3 pages.*300/ }).waitFor()
    expect(await page.getByRole('dialog').isVisible()).toBe(false)
    expect(await page.getByRole('button', { name: /Stop|Start|Cancel|Retry|Log out/ }).count()).toBe(0)
    expect(page.url()).toBe(`${status}/${new URL(parked.relay.url).host}`)
    expect(tab.complaints).toEqual([])

    const asked = (init: RequestInit) => fetch(page.url(), { redirect: 'manual', ...init })
    expect((await asked({ method: 'DELETE' })).status).toBe(405)
    expect((await asked({ method: 'POST' })).status).toBe(405)
    expect((await fetch(`${page.url()}/retry`, { method: 'POST' })).status).toBe(404)
    expect(await (await asked({ headers: { accept: 'application/json' } })).json()).toMatchObject({
      running: true,
      relay: parked.relay.url,
      completed: 1,
    })
    expect(await statusWithHost(page.url(), 'evil.example')).toBe(403)
    for (const url of [metrics, `${status}/metrics`]) {
      const text = await (await fetch(url)).text()
      expect(text).toMatch(/^# TYPE atproto_backfill_pages_total counter$/m)
    }
    parked.letGo()
    expect((await program.ended).code).toBe(0)
  })

  it('a port that is in use is told before anything is read', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    const { port } = new URL(relay.url)
    const { code, stderr } = await cli(runFrom(relay, '--serve', port))
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining(`The port ${port} is in use`),
    })
    expect(relay.requests).toEqual([])
  })
})

/** A page whose name leads to this machine asks with its own name. */
async function statusWithHost(url: string, host: string): Promise<number | undefined> {
  const { get } = await import('node:http')
  const [response] = await once(get(url, { headers: { host } }), 'response')
  response.resume()
  return response.statusCode
}

import { expect, it } from 'vitest'
import type { Context } from '../../src/cli/context.ts'
import type { Relay } from '../../src/cli/relay-options.ts'
import { startRunServers } from '../../src/cli/run-servers.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { createMonitor } from '../../src/monitor/monitor.ts'
import { relayLister } from '../../src/relay/relay-lister.ts'
import type { AdminStatus } from '../../src/server/index.ts'

const RELAYS = ['one.example', 'http://127.0.0.1:1']

function relays(): Relay[] {
  return RELAYS.map((address) => {
    const lister = relayLister(address)
    return { address, relay: lister.relay, lister, monitor: createMonitor({ relay: lister.relay }) }
  })
}

const context = { err: { write: (text: string) => expect.fail(text) } } as unknown as Context
const LOOPBACK = { host: '127.0.0.1', port: 0 }

async function statusAt(url: string): Promise<AdminStatus> {
  return (await (await fetch(url, { headers: { accept: 'application/json' } })).json()) as AdminStatus
}

it('several relays have a page each, and the first one leads to them', async () => {
  const given = relays()
  await using servers = await startRunServers({ serve: LOOPBACK }, given, memoryProgressStore(), context)
  const { status = '' } = servers
  const html = await (await fetch(status)).text()
  expect(html.match(/href="[^"]+"/g)).toEqual(['href="/one.example"', 'href="/127.0.0.1:1"'])
  expect((await fetch(`${status}/elsewhere`)).status).toBe(404)

  const run = servers.begin(given)
  for (const { relay } of given)
    run.handle({ type: 'discovered', relay, collections: [{ nsid: 'com.example.a' }], sources: [] })
  expect(await statusAt(`${status}/one.example`)).toMatchObject({ running: true, relay: 'one.example' })
  await run.end(new Error('the relay is away'))
  expect(await statusAt(`${status}/127.0.0.1:1`)).toMatchObject({
    running: false,
    outcome: 'failed',
    error: { message: 'the relay is away' },
  })

  const next = servers.begin(relays())
  await expect.poll(() => statusAt(`${status}/one.example`)).toMatchObject({ running: true, outcome: null })
  await next.end()
  expect(await statusAt(`${status}/one.example`)).toMatchObject({ running: false, outcome: 'complete' })
  const metrics = await (await fetch(`${status}/metrics`)).text()
  for (const relay of RELAYS)
    expect(metrics).toContain(`atproto_backfill_collections{atproto_backfill_relay="${relay}"`)
})

it('without the options there is no server', async () => {
  await using servers = await startRunServers({}, relays(), memoryProgressStore(), context)
  expect(servers).toMatchObject({ status: undefined, metrics: undefined })
  const run = servers.begin(relays())
  run.handle({ type: 'storeAvailable', relay: 'one.example', unavailableMs: 1 })
  await run.end()
})

it('one port serves both, where both options name it', async () => {
  const { freePort } = await import('../support/program.ts')
  const address = { host: '127.0.0.1', port: await freePort() }
  const options = { serve: address, metricsPort: address }
  await using servers = await startRunServers(options, relays(), memoryProgressStore(), context)
  expect(servers.metrics).toBe(`${servers.status}/metrics`)
  expect((await fetch(`${servers.metrics}`)).status).toBe(200)
})

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it, vi } from 'vitest'
import { createBackfiller, knownCollections } from '../../../src/index.ts'
import { memoryIndexSink } from '../../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { PATH, startAdmin, type TestAdmin, TOKEN } from '../../support/admin.ts'
import { type ListerScript, scriptedLister } from '../../support/scripted-lister.ts'

/** Long, so that the events of a run are far more than a connection's buffers hold. */
const COLLECTION = `com.${'example.'.repeat(30)}posts`
const PAGES = 6_000

/** Some 6,000 pages of one repo, which come at once. */
const pages: ListerScript = ({ cursor = '0' }) => {
  const page = Number(cursor)
  return { dids: [`did:web:r${page}.example`], ...(page + 1 < PAGES ? { cursor: String(page + 1) } : {}) }
}

function startWithoutRelay(onEnd: () => void = () => {}): Promise<TestAdmin> {
  return startAdmin({
    allowedRelays: ['relay.test'],
    onEnd,
    backfill: ({ onEvent }) =>
      createBackfiller({
        relay: scriptedLister({ [COLLECTION]: pages }),
        collections: [knownCollections([COLLECTION])],
        store: { sink: memoryIndexSink(), progress: memoryProgressStore() },
        onEvent,
      }),
  })
}

/** How long a run takes, in milliseconds, with so many viewers that never read. */
async function timedRun(viewers: number): Promise<{ ms: number; read: string[] }> {
  const end = Promise.withResolvers<void>()
  await using admin = await startWithoutRelay(end.resolve)
  const sockets = await Promise.all(Array.from({ length: viewers }, () => neverReading(admin)))
  const startedAt = performance.now()
  await admin.ask('POST')
  await end.promise
  const ms = performance.now() - startedAt
  return { ms, read: await Promise.all(sockets.map(readToTheEnd)) }
}

/** Asks for the stream, gets the beginning of it, and reads no more. */
async function neverReading(admin: TestAdmin): Promise<Socket> {
  const { hostname, port, host } = new URL(admin.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `GET ${PATH}/events HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${TOKEN}\r\nconnection: close\r\n\r\n`,
  )
  await once(socket, 'readable')
  return socket
}

/** What the connection still holds, up to where the server closed it. */
async function readToTheEnd(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  if (!socket.closed) await once(socket, 'close')
  return text
}

it('a viewer that never reads is dropped, and the backfill is as fast as without it', async () => {
  // It comes back by itself where it can, so that there is nothing to tell.
  const log = vi.spyOn(console, 'error').mockReturnValue()
  await timedRun(0)
  const without = await timedRun(0)
  const watched = await timedRun(5)
  expect(log.mock.calls).toEqual([])
  // Far more than they differ by, and far less than a wait for a viewer would take: that one never comes to its end.
  expect(watched.ms).toBeLessThan(2 * without.ms + 1_000)
  for (const text of watched.read) {
    expect(text).toContain('event: snapshot')
    expect(text).not.toContain('"outcome":"complete"')
  }
})

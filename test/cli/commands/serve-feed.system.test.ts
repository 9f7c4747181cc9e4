import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startNetwork } from '../../../src/testing/index.ts'
import { readDirectory } from '../../chaos/serve/served-directory.ts'
import { startCli } from '../../support/cli.ts'
import { startFeedServer } from '../../support/feed-server.ts'
import { exposedSeries } from '../../support/prometheus-text.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const PROFILE = 'app.bsky.actor.profile'
const NOTE = 'com.example.note'
const OTHER = 'com.example.old'

/** A network whose hosts can be asked, and a feed beside it. */
async function liveNetwork(kind: 'firehose' | 'jetstream' = 'firehose') {
  await using stack = new AsyncDisposableStack()
  const hosts = [{ name: 'pds.example', repos: 60 }]
  const network = stack.use(await startNetwork({ hosts, addresses: true }))
  const feed = stack.use(await startFeedServer(kind))
  const folder = stack.use(await temporaryFolder())
  const args = [
    ...['serve', '--relay', network.url, '--feed', feed.url, '--port', '0'],
    ...['--collection', PROFILE, NOTE, '--source', 'observed', '--plc', network.url, '--allow', '127.*'],
    ...['--data', join(folder.path, 'index.sqlite')],
  ]
  const owned = stack.move()
  return { network, feed, args, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function held(url: string, collection: string): Promise<string[]> {
  return [...((await readDirectory(url, [collection])).get(collection) ?? [])]
}

test('serve looks up at its host what the feed leaves open, and prunes what is gone by the relay', async () => {
  await using live = await liveNetwork()
  const { network, feed, args } = live
  const [did = '', gone = ''] = network.dids(PROFILE)
  await using program = startCli([...args, '--prune', '1s'])
  const [, url = ''] = await program.until(/^serves (http:\S+)$/m)
  await program.until(/the backlog is complete/)
  expect(await held(url, PROFILE)).toEqual([...network.dids(PROFILE)].toSorted())

  // It changed as a whole, and the feed does not say how.
  const [host = ''] = network.hosts
  network.set({ did, host, collections: [NOTE, OTHER] })
  feed.send(['#sync', { did, rev: '3kbaaaaaaaa2a', blocks: new Uint8Array() }])
  await program.until(/1 repo looked up at their hosts/)
  expect(await held(url, NOTE)).toEqual([did])
  expect(await held(url, PROFILE)).not.toContain(did)

  network.set({ did: gone, host, state: 'deleted' })
  await expect.poll(() => held(url, PROFILE), { timeout: 20_000 }).not.toContain(gone)

  const series = exposedSeries(await (await fetch(`${url}/metrics`)).text())
  expect(series.size).toBeGreaterThan(5)
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^atproto_backfill_feed_following 1$/m)
  program.kill('SIGTERM')
  expect(await program.ended).toMatchObject({ code: 0, stderr: '' })
})

test('serve imports the backlog again where the feed does not go back to where it was read', async () => {
  await using live = await liveNetwork()
  const { network, feed, args } = live
  const [did = ''] = network.dids(PROFILE)
  const say = (text: string) => feed.send(['#identity', { did, handle: text }])
  {
    await using first = startCli([...args, '--json'])
    await first.until(/"type":"runEnded"/)
    const written = first.until(/"type":"feedBatch"/)
    say('one')
    await written
    first.kill('SIGTERM')
    await first.ended
  }
  const [host = ''] = network.hosts
  network.set({ did: 'did:plc:zzzzzzzzzzzzzzzzzzzzzzzz', host, collections: [PROFILE] })
  say('two')
  feed.forget(say('three'))
  await using second = startCli(args)
  const imported = second.until(/! feed does not go back to where it was read last.*the backlog is complete/s)
  const [, url = ''] = await second.until(/^serves (http:\S+)$/m)
  await imported
  await expect.poll(() => held(url, PROFILE)).toContain('did:plc:zzzzzzzzzzzzzzzzzzzzzzzz')
})

test('serve follows a Jetstream by its URL', async () => {
  await using live = await liveNetwork('jetstream')
  const { network, feed, args } = live
  const [did = '', gone = ''] = network.dids(PROFILE)
  await using program = startCli(args)
  const [, url = ''] = await program.until(/^serves (http:\S+)$/m)
  await program.until(/the backlog is complete/)
  const commit = { rev: '3kbaaaaaaaa2a', operation: 'create', collection: NOTE, rkey: 'a' }
  feed.send(
    ['commit', { did, commit }],
    ['account', { did: gone, account: { did: gone, active: false, status: 'deleted' } }],
  )
  await expect.poll(() => held(url, NOTE), { timeout: 20_000 }).toEqual([did])
  expect(await held(url, PROFILE)).not.toContain(gone)
})

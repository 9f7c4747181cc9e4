import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { xrpcHandler } from '../../../src/server/index.ts'
import { openSqlite } from '../../../src/sqlite/open-sqlite.ts'
import { startNetwork } from '../../../src/testing/index.ts'
import { cli, jsonLines } from '../../support/cli.ts'
import { serve } from '../../support/serve.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const COLLECTIONS = ['app.bsky.actor.profile', 'app.bsky.feed.post', 'com.whtwnd.blog.entry']
const STATES = { deactivated: 0.04, takendown: 0.03, deleted: 0.03 }

it('hosts that a relay knows are imported from it and the others crawled: one index, and verify and compare agree', async () => {
  await using network = await startNetwork({
    hosts: [
      { name: 'known#', count: 3, repos: 300 },
      { name: 'own#', count: 6, repos: (place) => 5 + 20 * place },
    ],
    states: STATES,
    addresses: true,
  })
  const known = new Set(network.hostsOf('known#'))
  network.relay.knows = (host) => known.has(host)
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'index.sqlite')
  const own = network.hostsOf('own#')
  const pace = ['--requests-per-second', '100000']
  const named = ['--collection', COLLECTIONS.join(',')]

  const run = await cli(['run', '--relay', network.url, ...named, '--data', file])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const crawl = ['crawl', '--host', own.join(','), '--allow', '127.*', '--data', file, ...pace]
  expect(await cli(crawl)).toMatchObject({ code: 0, stderr: '' })

  await using store = await openSqlite(file)
  const crawled = new Map(
    COLLECTIONS.map((nsid) => [nsid, own.flatMap((host) => [...network.dids(nsid, host)]).length]),
  )
  for (const nsid of COLLECTIONS) {
    const { dids } = await store.index.listRepos(nsid, { limit: 10_000 })
    expect(dids.toSorted()).toEqual([...network.dids(nsid)].toSorted())
  }

  // To verify, what only hosts told is surplus, and no more and no less.
  const verify = ['verify', '--relay', network.url, '--data', file]
  const verified = await cli([...verify, '--samples', '1000', '--json'])
  const compared = jsonLines(verified.stdout).filter(({ type }) => type === 'compared')
  expect(compared.map(({ collection, differences }) => [collection, Object(differences)])).toEqual(
    COLLECTIONS.map((nsid) => [nsid, expect.objectContaining({ onlyThere: 0, onlyHere: crawled.get(nsid) })]),
  )
  expect((await cli(verify)).stdout).toContain('also filled from 6 hosts by a crawl')

  // Their hosts say that all of it is right.
  await writeFile(join(folder.path, 'surplus.json'), verified.stdout)
  const asked = ['--plc', network.url, '--plc-requests-per-second', '100000', '--allow', '127.*', ...pace]
  const index = [
    'index',
    '--file',
    join(folder.path, 'surplus.json'),
    '--data',
    file,
    '--remove',
    '--remove-gone',
  ]
  const mended = jsonLines((await cli([...index, ...asked, '--json'])).stdout).at(-1)
  const states = {
    active: new Set(own.flatMap((host) => COLLECTIONS.flatMap((nsid) => [...network.dids(nsid, host)]))).size,
  }
  expect(mended).toMatchObject({ outcome: 'complete', summary: { states, added: 0, removed: 0 } })

  // And compare, which reads the index as it is served beside the relay.
  await using served = await serve(xrpcHandler({ index: store.index }))
  const relays = ['--relay', network.url, '--relay', served.url]
  const { stdout } = await cli(['compare', ...relays, ...named, '--json'])
  const told = jsonLines(stdout).filter(({ type }) => type === 'compared')
  const only = told.map(({ collection, relays: sides }) => [
    collection,
    (sides as unknown as { only: number }[]).map((side) => side.only),
  ])
  expect(only.toSorted()).toEqual(COLLECTIONS.map((nsid) => [nsid, [0, crawled.get(nsid)]]))
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openSqlite } from '../../src/sqlite/open-sqlite.ts'
import { startNetwork } from '../../src/testing/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { runExample } from './run-example.ts'

const GONE = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

it('index-repos.ts adds what the hosts of given repos say, and removes what is gone', async () => {
  await using network = await startNetwork({ hosts: [{ name: 'pds', repos: 5 }], addresses: true })
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'index.sqlite')
  const accounts = [...network.accounts()]
  await using store = await openSqlite(data)
  await store.sink.add({ relay: 'relay.example', collection: 'app.bsky.feed.post', dids: [GONE] })
  await writeFile(join(folder.path, 'dids.txt'), [...accounts.map(({ did }) => did), GONE].join('\n'))

  const env = { DATA: data, PLC: network.url, ALLOW_HOSTS: '127.*' }
  const args = [join(folder.path, 'dids.txt')]
  const { code, stdout, stderr } = await runExample('index-repos.ts', { env, args })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const pairs = accounts.flatMap(({ collections }) => collections).length
  expect(stdout).toMatch(new RegExp(`^6 repos, ${pairs} pairs added, 1 removed\n$`, 'm'))
  expect(await store.index.has('app.bsky.feed.post', GONE)).toBe(false)
  for (const { did, collections } of accounts) {
    const held = await store.index.collectionsOf(did)
    expect(held.collections.toSorted()).toEqual([...collections].toSorted())
  }
})

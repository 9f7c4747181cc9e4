import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { lookUpRepos } from '../../../src/cli/serve/repo-look-ups.ts'
import type { OpenedStore } from '../../../src/contracts/opened-store.ts'
import { memoryStore } from '../../../src/memory/memory-store.ts'
import { didsFrom } from '../../support/store-steps.ts'

it('a repo that changes all the time, so that it stays noted, is not asked for without a pause', async () => {
  const store = memoryStore()
  const dids = didsFrom(0, 1)
  await store.feed.apply({ feed: 'feed:x', toLookUp: dids })
  await using plc = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1')
  await new Promise((resolve) => plc.once('listening', resolve))
  const { port } = plc.address() as { port: number }
  const looked: number[] = []
  const parts = {
    store: store as unknown as OpenedStore,
    isFollowing: () => true,
    plc: `http://127.0.0.1:${port}`,
    allowHosts: ['127.*'],
    onLookedUp: (repos: number) => looked.push(repos),
  }
  expect(await lookUpRepos(parts, new AbortController().signal)).toBeGreaterThan(1_000)
  expect(looked).toEqual([1])
})

import { expect, it } from 'vitest'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { didsFrom } from '../support/store-steps.ts'

const COLLECTION = 'com.example.thing'

it('reads a memory sink page by page, in order, while it is written to', async () => {
  const { sink, index } = memoryStore()
  const dids = didsFrom(0, 25)
  const batch = { relay: 'relay.example', collection: COLLECTION }
  await sink.add({ ...batch, dids: [...dids].reverse() })
  const first = await index.listRepos(COLLECTION, { limit: 10 })
  await sink.add({ ...batch, dids: ['did:plc:aa', 'did:web:z.example'] })
  const second = await index.listRepos(COLLECTION, { limit: 10, cursor: first.cursor })
  const third = await index.listRepos(COLLECTION, { limit: 10, cursor: second.cursor })
  const sorted = [...dids].sort()
  expect([first.dids, second.dids]).toEqual([sorted.slice(0, 10), sorted.slice(10, 20)])
  expect(third).toEqual({ dids: [...sorted.slice(20), 'did:web:z.example'], cursor: undefined })
})

it('refuses a limit that is none, and ends with the reason of its signal', async () => {
  const index = memoryIndex(new Map())
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  for (const limit of [0, 1.5, 10_001, Number.NaN]) {
    await expect(index.listRepos(COLLECTION, { limit })).rejects.toMatchObject({ option: 'limit' })
    await expect(index.listCollections({ limit })).rejects.toMatchObject({ option: 'limit' })
  }
  await expect(index.listRepos(COLLECTION, { signal })).rejects.toBe(reason)
  await expect(index.listCollections({ signal })).rejects.toBe(reason)
  await expect(index.countRepos(COLLECTION, { signal })).rejects.toBe(reason)
})

it('does not name a collection whose last repo was removed', async () => {
  const { sink, index } = memoryStore()
  await sink.add({ relay: 'relay.example', collection: COLLECTION, dids: didsFrom(0, 2) })
  expect(await index.remove(COLLECTION, didsFrom(0, 2))).toEqual({ removed: 2 })
  expect((await index.listCollections()).collections).toEqual([])
})

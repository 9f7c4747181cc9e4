import { blocksToCarFile, MemoryBlockstore, Repo } from '@atproto/repo'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BlockLink } from '../../src/live/atproto-cbor.ts'
import { readBlocks } from '../../src/live/repo-blocks.ts'
import { proveCollection } from '../../src/live/repo-proof.ts'

const KEY = { did: () => 'did:key:none', jwtAlg: 'ES256K', sign: async () => new Uint8Array(64) }
const NAMES = ['app.a.b', 'app.a.b.c', 'app.a.bc', 'app.a-b.c', 'zz.a.b'] as const

it('whatever blocks are left out, nothing is proven that is not so; with all of them, all is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), fc.integer({ min: 0, max: 400 })), {
        maxLength: 60,
        selector: (pair) => pair.join(),
      }),
      fc.infiniteStream(fc.boolean()),
      async (records, isLeftOut) => {
        const store = new MemoryBlockstore()
        const repo = await Repo.create(
          store,
          'did:plc:wwwwwwwwwwwwwwwwwwwwwwww',
          KEY,
          records.map(([collection, n]) => ({
            action: 'create' as never,
            collection: collection as never,
            rkey: `k${n}`,
            record: { $type: collection } as never,
          })),
        )
        const whole = await blocksToCarFile(repo.cid, store.blocks)
        for (const { cid } of [...store.blocks.entries()])
          if (!cid.equals(repo.cid) && isLeftOut.next().value) store.blocks.delete(cid)
        const partial = await blocksToCarFile(repo.cid, store.blocks)
        for (const name of NAMES) {
          const truth = records.some(([collection]) => collection === name) ? 'held' : 'empty'
          expect(proveCollection(readBlocks(whole), name)).toBe(truth)
          expect([truth, 'unknown']).toContain(proveCollection(readBlocks(partial), name))
        }
      },
    ),
    { numRuns: 60 },
  )
})

it('what is no CAR file is refused, however it is cut', async () => {
  const store = new MemoryBlockstore()
  const repo = await Repo.create(store, 'did:plc:wwwwwwwwwwwwwwwwwwwwwwww', KEY)
  const car = await blocksToCarFile(repo.cid, store.blocks)
  expect(readBlocks(car).root).toBeDefined()
  for (const length of [0, 1, 10, car.length - 1]) expect(() => readBlocks(car.subarray(0, length))).toThrow()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        proveCollection(readBlocks(bytes), 'app.a.b')
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
    }),
  )
})

it('blocks that lead back to themselves prove nothing, nor do keys that no repo has', () => {
  const root = new BlockLink(new Uint8Array([1]))
  const node = new BlockLink(new Uint8Array([2]))
  const entry = (p: number, key: string, t: unknown = null) => ({ p, k: new TextEncoder().encode(key), t })
  const prove = (e: unknown[]) =>
    proveCollection(
      { root, get: (link) => (link === root ? { data: node } : link === node ? { l: null, e } : undefined) },
      'app.a.b',
    )
  const around = [0, 1, 2, 3].flatMap(() => [entry(0, 'app.a.a/a', node), entry(0, 'zz.a.b/a')])
  expect(prove(around)).toBe('unknown')
  const growing = Array.from({ length: 90_000 }, (_, i) => entry(i, 'a'))
  expect(prove(growing)).toBe('unknown')
})

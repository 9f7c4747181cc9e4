import { expect, test } from 'vitest'
import { pruneWhenDue } from '../../../src/cli/serve/pruning.ts'
import type { OpenedStore } from '../../../src/contracts/opened-store.ts'
import { memoryStore, type PruneRefusedError } from '../../../src/index.ts'
import { startAccountServer } from '../../support/account-server.ts'
import { didsFrom } from '../../support/store-steps.ts'

test('a prune that is refused waits for a person, and the relay is not asked for all accounts again', async () => {
  const dids = didsFrom(0, 20)
  await using relay = await startAccountServer({
    listed: dids.map((did) => ({ did, active: false, status: 'deleted' })),
  })
  const store = memoryStore()
  await store.sink.add({ relay: 'x', collection: 'com.example.a', dids })
  const refusals: PruneRefusedError[] = []
  const parts = {
    relay: relay.origin,
    store: store as unknown as OpenedStore,
    everyMs: 7_000_000,
    isImported: () => true,
    onEvent() {},
    onPruned: () => expect.unreachable(),
    onRefused: (error: PruneRefusedError) => refusals.push(error),
  }
  expect(await pruneWhenDue(parts, new AbortController().signal)).toBe(7_000_000)
  expect(refusals).toMatchObject([{ code: 'PRUNE_REFUSED', refusal: { mayRemove: 20 } }])
})

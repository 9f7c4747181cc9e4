import { describe, expect, it } from 'vitest'
import { memoryStore, type RepoLister, verify } from '../../src/index.ts'
import { relayContents } from '../../src/testing/contents.ts'
import { didsFrom } from '../support/store-steps.ts'
import { A, B } from '../support/verification.ts'

const LISTS = { [A]: didsFrom(0, 95), [B]: didsFrom(500, 64) }
const PAGE_SIZE = 10

/** A relay with collectiondir's cursors, rebuilt with the same repos when the given request comes. */
function rebuiltAt(request: number): RepoLister & { readonly requests: number } {
  const contents = relayContents({ collections: LISTS, seed: 3 })
  let requests = 0
  return {
    relay: 'relay.example',
    get requests() {
      return requests
    },
    async listRepos({ collection, cursor }) {
      requests += 1
      if (requests === request) contents.rebuild()
      const offset = contents.offsetOf(collection, cursor) ?? 0
      const page = contents.page(collection, offset, PAGE_SIZE)
      return { dids: page.repos.map(({ did }) => did), cursor: page.cursor }
    },
  }
}

async function filledStore() {
  const store = memoryStore()
  for (const [collection, dids] of Object.entries(LISTS))
    await store.sink.add({ relay: 'relay.example', collection, dids })
  return store
}

async function repairAll(relay: RepoLister, store: ReturnType<typeof memoryStore>) {
  const { index, sink } = store
  return await Array.fromAsync(verify({ relay, index, sink, repair: 'both', collections: [A, B] }))
}

describe('a relay that is rebuilt while it is verified', () => {
  it('is compared wholly or not at all, and costs no pair, at whichever request', async () => {
    const undisturbed = rebuiltAt(0)
    const reports = await repairAll(undisturbed, await filledStore())
    expect(reports.map(({ differences }) => differences?.both)).toEqual([95, 64])
    let failed = 0
    for (let request = 1; request <= undisturbed.requests; request += 1) {
      const store = await filledStore()
      const pairs = structuredClone(store.sink.pairs)
      for (const { error, differences, repaired } of await repairAll(rebuiltAt(request), store)) {
        expect(repaired).toEqual({ added: 0, removed: 0 })
        if (error === undefined) expect(differences).toMatchObject({ onlyThere: 0, onlyHere: 0 })
        else expect(error).toMatchObject({ code: 'CURSORS_CHANGED' })
        failed += error === undefined ? 0 : 1
      }
      expect(store.sink.pairs).toEqual(pairs)
    }
    expect(failed).toBeGreaterThan(10)
  })
})

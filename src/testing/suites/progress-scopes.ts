import assert from 'node:assert/strict'
import {
  assertFields,
  LEASE_MS,
  mustClaim,
  type ProgressStoreCase,
  page,
  RELAY,
  storeCase,
} from './progress-helpers.ts'

const [MINE, OTHER] = ['com.example.mine', 'com.example.other']
const both = [{ nsid: MINE }, { nsid: OTHER, estimatedRepos: 1_000 }]
const asked = { relay: RELAY, owner: 'worker', leaseMs: LEASE_MS }

/** What a run is promised that is for some of the collections only. */
export const scopeCases: readonly ProgressStoreCase[] = [
  storeCase(
    'gives nothing but what is asked for by name, however much else is free',
    async ({ progress }) => {
      await progress.register(RELAY, both)
      const claim = await progress.claim({ ...asked, collections: [MINE, 'com.example.unknown'] })
      assert.equal(claim?.collection, MINE)
      assert.equal(await progress.claim({ ...asked, collections: [MINE] }), undefined)
      assert.equal(await progress.claim({ ...asked, collections: [] }), undefined)
      assert.equal((await mustClaim(progress)).collection, OTHER)
    },
  ),

  storeCase('tells what remains of those that are named', async ({ progress }) => {
    await progress.register(RELAY, both)
    const remaining = await progress.remaining(RELAY, { collections: [MINE] })
    assertFields(remaining, { collections: 1, dueInMs: 0, claims: undefined }, 'what remains of one')
    const claim = await progress.claim({ ...asked, collections: [MINE] })
    assert.ok(claim)
    const held = await progress.remaining(RELAY, { collections: [MINE] })
    assert.deepEqual(
      held.claims?.map(({ collection }) => collection),
      [MINE],
    )
    assert.equal((await progress.remaining(RELAY, { collections: [OTHER] })).claims, undefined)
    await progress.advance(claim, page(undefined))
    assert.equal((await progress.remaining(RELAY, { collections: [MINE] })).collections, 0)
    assert.equal((await progress.remaining(RELAY)).collections, 1)
  }),

  storeCase('neither refreshes nor retries the others where these are kept', async ({ progress }) => {
    const names = ['done', 'failed', 'mine'].map((name) => `com.example.${name}`)
    await progress.register(
      RELAY,
      names.map((nsid) => ({ nsid })),
    )
    for (const collection of names) {
      const claim = await progress.claim({ ...asked, collections: [collection] })
      assert.ok(claim)
      if (collection.endsWith('failed')) await progress.release(claim, { kind: 'failed', error: 'gone' })
      else await progress.advance(claim, page(undefined))
    }
    const tomorrow = new Date(Date.now() + 86_400_000)
    await progress.register(RELAY, [{ nsid: 'com.example.mine' }], {
      refreshBefore: tomorrow,
      keepOthers: true,
    })
    const states = (await progress.list({ relay: RELAY })).map(({ collection, state }) => [collection, state])
    assert.deepEqual(states, [
      ['com.example.done', 'complete'],
      ['com.example.failed', 'failed'],
      ['com.example.mine', 'pending'],
    ])
  }),
]

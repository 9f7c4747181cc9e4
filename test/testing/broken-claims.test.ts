import { describe } from 'vitest'
import { type Claim, ClaimLostError, type HeldClaim, type ProgressStore } from '../../src/index.ts'
import { progressStoreSuite } from '../../src/testing/index.ts'
import { type FaultRow, provesItself } from './broken.ts'
import { broken, later, type Make, rowOf } from './broken-progress.ts'

const TAKEOVER = 'a lease that ran out lets another worker take over, and the first can change nothing'

const claims: FaultRow<Make>[] = [
  [
    'gives one collection to two who ask at once',
    broken((store) => {
      let asked: ReturnType<ProgressStore['claim']> | undefined
      return {
        async claim(request) {
          asked ??= later().then(() => store.claim(request))
          const claim = await asked
          asked = undefined
          return claim && { ...claim, owner: request.owner }
        },
      }
    }),
    'gives each collection to one of ten workers that ask at once',
  ],
  [
    'has leases that never run out',
    broken((store) => ({ claim: (request) => store.claim({ ...request, leaseMs: 3_600_000 }) })),
    TAKEOVER,
  ],
  [
    'has leases that keep no other worker away',
    broken((store) => ({ claim: (request) => store.claim({ ...request, leaseMs: 0 }) })),
    'a live lease keeps all other workers away',
  ],
  [
    'does not renew',
    broken(() => ({ renew: async (claim, leaseMs) => ({ ...claim, leaseMs }) })),
    'renewing keeps others away, and a commit renews',
  ],
  [
    'renews only with the claim of the last page',
    broken((store) => ({
      async renew(claim, leaseMs) {
        if ((await rowOf(store, claim))?.pages !== claim.pages) throw new ClaimLostError(claim)
        return store.renew(claim, leaseMs)
      },
    })),
    'a renewal with the claim of an earlier page holds, and leaves the page alone',
  ],
  [
    'takes back only the claim of the last page',
    broken((store) => ({
      async release(claim, outcome) {
        const { pages } = claim as Claim
        if ((await rowOf(store, claim))?.pages === pages) await store.release(claim, outcome)
      },
    })),
    'a release frees the collection at once, also with the claim of an earlier page',
  ],
  [
    'claims by name alone',
    broken((store) => ({
      register: (relay, collections, options) =>
        store.register(
          relay,
          collections.map(({ nsid }) => ({ nsid })),
          options,
        ),
    })),
    'claims the biggest first, by estimate or by what it brought, then by name',
  ],
  [
    'claims for any relay',
    broken((store) => ({
      async claim(request) {
        const [row] = await store.list()
        return store.claim({ ...request, relay: row?.relay ?? request.relay })
      },
    })),
    'gives nothing of another relay, and keeps the rows of two relays apart',
  ],
  [
    'changes the claim that it was given',
    broken((store) => ({
      advance: async (claim, page, write) => Object.assign(claim, await store.advance(claim, page, write)),
    })),
    'leaves the claim that it was given as it is',
  ],
  [
    'tells the lease of its first look for ever',
    broken((store) => {
      let leaseLeftMs: number | undefined
      return {
        async list(filter) {
          const rows = await store.list(filter)
          leaseLeftMs ??= rows[0]?.leaseLeftMs
          return rows.map((row) => (row.state === 'running' ? { ...row, leaseLeftMs } : row))
        },
      }
    }),
    'lists the owner and the lease of a running collection, and of no other',
  ],
  [
    'tells no claims',
    broken((store) => ({
      remaining: async (relay) => ({ ...(await store.remaining(relay)), claims: undefined }),
    })),
    'tells the claims under a live lease, by collection, and no others',
  ],
  [
    'tells leases that ran out',
    broken((store) => {
      const held = new Map<string, HeldClaim>()
      return {
        async claim(request) {
          const claim = await store.claim(request)
          if (claim) held.set(claim.collection, { ...claim, leaseLeftMs: request.leaseMs })
          return claim
        },
        remaining: async (relay) => ({ ...(await store.remaining(relay)), claims: [...held.values()] }),
      }
    }),
    'tells the claims under a live lease, by collection, and no others',
  ],
  [
    'releases whatever claim there is by the name of its collection',
    broken((store) => ({
      async release(claim, outcome) {
        const { claims = [] } = await store.remaining(claim.relay)
        await store.release(
          claims.find(({ collection }) => collection === claim.collection) ?? claim,
          outcome,
        )
      },
    })),
    'a claim is released by what is told of it, and not by what was told before',
  ],
  [
    'keeps no pause of a relay',
    broken(() => ({ pauseRelay: async () => {} })),
    'a pause of a relay keeps every worker from its collections, and from no others',
  ],
  [
    'keeps the newest pause of a relay, and not the longest',
    broken((store) => {
      let endsAt = 0
      return {
        pauseRelay: async (_, ms) => {
          endsAt = performance.now() + ms
        },
        async remaining(relay) {
          const relayPauseMs = endsAt - performance.now()
          return { ...(await store.remaining(relay)), ...(relayPauseMs > 0 && { relayPauseMs }) }
        },
        claim: async (request) => (endsAt > performance.now() ? undefined : store.claim(request)),
      }
    }),
    'a pause of a relay lets running walks go on, and nothing but time ends it',
  ],
  [
    'keeps the pause of a relay where a collection is registered',
    broken((store) => ({
      async pauseRelay(relay, ms) {
        if ((await store.list({ relay })).length > 0) await store.pauseRelay(relay, ms)
      },
    })),
    'keeps the pause of a relay of which nothing is registered, and lists nothing of it',
  ],
  [
    'lists a pause as a lease',
    broken((store) => ({
      list: async (filter) =>
        (await store.list(filter)).map((row) => ({ ...row, leaseLeftMs: row.leaseLeftMs ?? row.retryInMs })),
    })),
    'lists how long a collection is set aside, and nothing of a lease that ran out',
  ],
]

describe('progressStoreSuite', () => {
  provesItself(
    progressStoreSuite,
    broken(() => ({})),
    claims,
  )
})

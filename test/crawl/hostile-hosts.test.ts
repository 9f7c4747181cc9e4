import { describe, expect, it } from 'vitest'
import { HOSTS } from '../../src/crawl/crawl-scopes.ts'
import { isBackfillError, memoryStore } from '../../src/index.ts'
import { type Fault, type HostRequest, startNetwork } from '../../src/testing/index.ts'
import { crawlOf, heldBy, pairsOf } from '../support/crawl.ts'

const DESCRIBE = '/xrpc/com.atproto.repo.describeRepo'
const LIST = '/xrpc/com.atproto.sync.listRepos'
const GOOD = { name: 'good.example.net', repos: 5 }
const BAD = 'bad.example.net'
const FOREIGN = `did:plc:${'f'.repeat(24)}`

/** Crawls a good host and one that answers as it should not. */
async function crawlBeside(script: (request: HostRequest) => Fault | undefined, timeoutMs = 60_000) {
  await using network = await startNetwork({
    hosts: [GOOD, { name: BAD, repos: 5 }],
    script: (request) => (request.host === BAD ? script(request) : undefined),
  })
  const crawl = crawlOf(network, { hosts: network.hosts, maxAttempts: 1, timeoutMs, pageSize: 5 })
  const error: unknown = await crawl.crawler.run().catch((thrown: unknown) => thrown)
  return { ...crawl, error, requests: network.asked(BAD).requests }
}

/** A page of a list, of accounts that are made up. */
const page = (cursor: string, repos: object[] = [{ did: FOREIGN, head: 'a', rev: 'a', active: true }]) => ({
  status: 200,
  body: { cursor, repos },
})

describe('a host is given up, and others are complete, where its list', () => {
  it('comes so slowly that it never ends', async () => {
    const { error, crawler } = await crawlBeside(
      ({ path }) => (path === LIST ? { delayMs: 1_000_000 } : undefined),
      400,
    )
    expect(error).toMatchObject({
      hosts: [{ host: BAD, lastError: expect.stringContaining('within 400 ms') }],
    })
    expect(crawler.summary.completed).toBe(1)
  })

  it('runs in a circle', async () => {
    const { error, crawler } = await crawlBeside(({ path, cursor = '0' }) =>
      path === LIST ? page(String((Number(cursor) + 1) % 7)) : undefined,
    )
    expect(error).toMatchObject({ hosts: [{ host: BAD, lastError: expect.stringMatching(/cursor/i) }] })
    expect(crawler.summary.completed).toBe(1)
  })

  it('goes on with empty pages', async () => {
    const { error, crawler, requests } = await crawlBeside(({ path, cursor = '0' }) =>
      path === LIST ? page(String(Number(cursor) + 1), []) : undefined,
    )
    expect(error).toMatchObject({ hosts: [{ host: BAD, lastError: expect.stringMatching(/empty pages/) }] })
    expect(requests).toBeLessThan(120)
    expect(crawler.summary.completed).toBe(1)
  })

  it('has more accounts than any host can have', async () => {
    await using network = await startNetwork({
      hosts: [{ name: BAD, repos: 5 }],
      script: ({ path, cursor = '0' }) => (path === LIST ? page(String(Number(cursor) + 1)) : undefined),
    })
    const store = memoryStore()
    const { progress } = store
    await progress.register(HOSTS, [{ nsid: BAD }])
    const claim = await progress.claim({ relay: HOSTS, owner: 'earlier', leaseMs: 60_000 })
    if (claim === undefined) throw new Error('There is nothing to claim.')
    const far = { pages: 20_000, cursor: '20000', imported: 0, invalid: 0 }
    await progress.release(await progress.advance(claim, far))
    const error: unknown = await crawlOf(network, { hosts: BAD }, store)
      .crawler.run()
      .catch((thrown: unknown) => thrown)
    if (!isBackfillError(error, 'INCOMPLETE')) throw error
    expect(error.hosts).toMatchObject([
      { lastError: expect.stringContaining('lists more than 10000000 accounts') },
    ])
  })
})

describe('a repo that a host lists and another one holds', () => {
  it('is not taken from a host whose own document of the DID names the other one', async () => {
    const account = { did: FOREIGN, host: GOOD.name, collections: ['com.example.own'] }
    const didDoc = {
      id: FOREIGN,
      service: [
        { id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: `https://${GOOD.name}` },
      ],
    }
    await using network = await startNetwork({
      hosts: [GOOD, { name: BAD, repos: 5 }],
      accounts: [account],
      script({ host, path, did }) {
        if (host !== BAD) return undefined
        if (path === DESCRIBE && did === FOREIGN)
          return {
            status: 200,
            body: { did, handle: 'a.example', didDoc, collections: ['com.example.forged'] },
          }
        return path === LIST
          ? { status: 200, body: page('').body.repos && { repos: page('').body.repos } }
          : undefined
      },
    })
    const { crawler, store } = crawlOf(network, { hosts: network.hosts })
    expect(await crawler.run()).toMatchObject({ completed: 2, described: 6, absent: 1 })
    expect(store.sink.pairs.get('com.example.own')).toEqual(new Set([FOREIGN]))
    expect(store.sink.pairs.has('com.example.forged')).toBe(false)
  })

  it('is taken from a host of one’s own network, which has another name in the documents of its DIDs', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds.internal', repos: 5 }],
      script({ path, did }) {
        if (path !== DESCRIBE) return undefined
        const serviceEndpoint = 'https://pds.example.net'
        const service = [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint }]
        const didDoc = { id: did, service }
        return { status: 200, body: { did, handle: 'a.example', didDoc, collections: ['com.example.own'] } }
      },
    })
    const { crawler, store } = crawlOf(network, { hosts: 'pds.internal', allowHosts: ['*.internal'] })
    expect(await crawler.run()).toMatchObject({ completed: 1, described: 5, absent: 0 })
    expect(store.sink.pairs.get('com.example.own')).toHaveProperty('size', 5)
  })

  it('is that of its new host where it moves before that is read', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'a.example.net', repos: 20 }, { name: 'b.example.net' }],
    })
    const last = [...network.accounts()].map(({ did }) => did)
    let isMoved = false
    const { crawler, store } = crawlOf(network, {
      hosts: ['a.example.net', 'b.example.net'],
      concurrency: 1,
      pageSize: 5,
      onEvent({ type }) {
        if (type !== 'page' || isMoved) return
        isMoved = true
        for (const did of last)
          network.set({ did, host: 'b.example.net', collections: ['com.example.moved'] })
      },
    })
    expect(await crawler.run()).toMatchObject({ completed: 2, failed: 0 })
    expect(store.sink.pairs.get('com.example.moved')).toEqual(new Set(last))
    expect(heldBy(store)).toMatchObject(pairsOf(network, ['com.example.moved']))
  })
})

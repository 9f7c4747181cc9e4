import { describe, expect, it } from 'vitest'
import {
  type CollectionSource,
  DiscoveryError,
  knownCollections,
  lexiconGarden,
  RelayUnsuitableError,
  relayLister,
} from '../../src/index.ts'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import { type Fault, startRelay } from '../../src/testing/index.ts'
import { PROFILE, quick } from '../support/e2e.ts'
import { failuresOf, PAGE, rejection, setUp } from '../support/fault-run.ts'
import { startAnswering } from '../support/http-server.ts'
import { listenTo } from '../support/listen-to.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const SIZE = 45
const collections = { [A]: SIZE, [B]: 25 }

describe('a redirect', () => {
  it.each([301, 302, 307, 308])(
    'with %d is refused with a clear error, and nobody asks its target',
    async (status) => {
      await using target = await startAnswering(
        200,
        JSON.stringify({ repos: [{ did: 'did:web:evil.example' }] }),
      )
      const targets = [
        target.origin,
        `http://localhost:${new URL(target.origin).port}`,
        'http://169.254.169.254/latest',
      ]
      await using run = await setUp({
        collections,
        script: ({ collection, offset }) =>
          collection === A && offset === 20
            ? { status, headers: { location: `${targets[status % targets.length]}/xrpc/x` } }
            : undefined,
      })
      const failures = await failuresOf(run.start().run())
      expect(Object.keys(failures)).toEqual([A])
      expect(failures[A]).toContain(`redirects to ${targets[status % targets.length]}`)
      expect(target.requests).toEqual([])
      expect(run.relay.requestsOf(A)).toHaveLength(3)
      expect(await run.check()).toMatchObject({ completed: 1 })
    },
  )

  it('to http from the relay, before the run, ends it with nothing registered', async () => {
    const location = 'http://127.0.0.1:9/xrpc/com.atproto.sync.listReposByCollection'
    await using run = await setUp({ collections, script: () => ({ status: 301, headers: { location } }) })
    expect(await rejection(run.start().run())).toMatchObject({ code: 'RELAY_REDIRECT', status: 301 })
    expect(await kyselyProgressStore(run.db).list()).toEqual([])
  })

  it.each([
    'user:pass@HOST',
    'http://user:pass@HOST',
    'file:///etc/passwd',
    'ftp://HOST',
    'http://HOST/xrpc',
    'http://HOST?a=b',
  ])('is not what a relay given as %s becomes: it is refused before any request', async (relay) => {
    await using server = await startAnswering(200)
    const given = relay.replace('HOST', server.host)
    expect(() => relayLister(given)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', option: 'relay' }),
    )
    expect(() => relayLister(given)).toThrow(expect.not.stringContaining('pass@'))
    expect(server.requests).toEqual([])
  })
})

describe('another relay', () => {
  it('gets progress of its own, and never the cursor of the one before', async () => {
    await using run = await setUp({ collections })
    await using other = await startRelay({ collections: { [PROFILE]: 1, [A]: 33 }, seed: 2 })
    for await (const { pages: page, collection } of run.start({ pagesAhead: 1 }))
      if (collection === A && page === 2) break
    const lister = relayLister(other.url, { pageSize: PAGE })
    expect(await run.start({ relay: lister }).run()).toMatchObject({
      relays: [{ relay: other.url, completed: 2 }],
    })
    expect(other.requestsOf(A).map(({ cursor, offset }) => [cursor, offset])).toEqual([
      [undefined, 0],
      [other.cursorAt(A, 10), 10],
      [other.cursorAt(A, 20), 20],
      [other.cursorAt(A, 30), 30],
      [undefined, 0],
    ])
    const [a] = await kyselyProgressStore(run.db).list({ relay: run.relay.url })
    expect(a?.state).toBe('pending')
    const asked = run.relay.requestsOf(A).length
    expect(await run.start().run()).toMatchObject({ relays: [{ relay: run.relay.url }] })
    expect(run.relay.requestsOf(A)[asked + 1]?.cursor).toBe(a?.cursor)
    expect(await run.check({ relays: [run.relay, other] })).toMatchObject({ completed: 4 })
  })
})

describe('discovery', () => {
  const rubbish: { trouble: string; fault: Fault }[] = [
    { trouble: 'fails', fault: { status: 503 } },
    { trouble: 'hangs', fault: { stall: 'headers' } },
    { trouble: 'hangs in mid-list', fault: { stall: 'body' } },
    { trouble: 'answers HTML', fault: { status: 200, body: '<html><li>`com.example.a`</li></html>' } },
    { trouble: 'answers without end', fault: { endless: true } },
    { trouble: 'is cut off', fault: { cut: 'in-body' } },
  ]
  const isGarden = (path: string) => path === '/llms.txt'

  it.each(rubbish)('goes on with the other sources when one $trouble, and tells', async ({ fault }) => {
    await using run = await setUp({ collections, script: ({ path }) => (isGarden(path) ? fault : undefined) })
    const failed: string[] = []
    const sources = [lexiconGarden({ url: run.relay.gardenUrl, timeoutMs: 150 }), knownCollections([A])]
    const onEvent = listenTo({ sourceFailed: ({ source }: { source: string }) => failed.push(source) })
    // A source that refuses is asked again after seconds, each time after more of them.
    const retry = { ...quick, retries: 1 }
    expect(await run.start({ collections: sources, retry, onEvent }).run()).toMatchObject({ completed: 1 })
    expect(failed).toEqual([new URL(run.relay.url).host])
    expect(await run.check()).toMatchObject({ completed: 1 })
  })

  it('with none that works and nothing registered is a DiscoveryError that names each', async () => {
    await using run = await setUp({
      collections,
      script: ({ path }) => (isGarden(path) ? { status: 500 } : undefined),
    })
    const broken: CollectionSource = {
      name: 'broken',
      collections() {
        throw new Error('no list')
      },
    }
    const sources = [lexiconGarden({ url: run.relay.gardenUrl }), broken]
    const error = await rejection(run.start({ collections: sources }).run())
    expect(error).toBeInstanceOf(DiscoveryError)
    expect(error).toMatchObject({
      errors: expect.arrayContaining([
        expect.objectContaining({ error: expect.objectContaining({ status: 500 }) }),
        expect.objectContaining({ source: 'broken' }),
      ]),
    })
    expect(await kyselyProgressStore(run.db).list()).toEqual([])
    expect(run.relay.requestsOf(A)).toEqual([])
  })

  it('with none that works goes on with what an earlier run registered', async () => {
    await using run = await setUp({
      collections,
      script: ({ path }) => (isGarden(path) ? { status: 500 } : undefined),
    })
    for await (const _ of run.start({ pagesAhead: 1 })) break
    const sources = [lexiconGarden({ url: run.relay.gardenUrl })]
    expect(await run.start({ collections: sources }).run()).toMatchObject({ completed: 2 })
    expect(await run.check()).toMatchObject({ completed: 2 })
  })
})

describe('the check before a run', () => {
  const unsuitable: { relay: string; fault: Fault; reason: string }[] = [
    { relay: 'a firehose-only relay', fault: { status: 200, body: { repos: [] } }, reason: 'empty' },
    {
      relay: 'a relay without the method',
      fault: { status: 404, body: { message: 'Not Found' } },
      reason: 'no-method',
    },
    {
      relay: 'a relay that proxies nothing',
      fault: { status: 400, body: 'not proxied' },
      reason: 'no-method',
    },
    { relay: 'a relay that implements nothing', fault: { status: 501 }, reason: 'no-method' },
  ]

  it.each(unsuitable)(
    'ends it for $relay, with nothing registered or complete',
    async ({ fault, reason }) => {
      await using run = await setUp({ collections, script: () => fault })
      const error = await rejection(run.start().run())
      expect(error).toBeInstanceOf(RelayUnsuitableError)
      expect(error).toMatchObject({ reason, relay: run.relay.url })
      expect(await kyselyProgressStore(run.db).list()).toEqual([])
      expect(await run.check()).toMatchObject({ completed: 0, pages: 0 })
    },
  )

  it('leaves what an earlier run registered as it is', async () => {
    let empty = false
    const script = () => (empty ? { status: 200, body: { repos: [] } } : undefined)
    await using run = await setUp({ collections, script })
    for await (const { pages: page, collection } of run.start({ pagesAhead: 1 }))
      if (collection === A && page === 2) break
    const before = await kyselyProgressStore(run.db).list()
    expect(before[0]?.state).toBe('pending')
    empty = true
    await expect(run.start({ refreshAfterMs: 0 }).run()).rejects.toBeInstanceOf(RelayUnsuitableError)
    expect(await kyselyProgressStore(run.db).list()).toEqual(before)
    await run.check()
  })
})

import { AtpAgent, ComAtprotoSyncGetRepoStatus, lexicons } from '@atproto/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryStore } from '../../../src/index.ts'
import { xrpcHandler } from '../../../src/server/index.ts'
import { didsFrom } from '../../../src/testing/suites/samples.ts'
import { type Served, serve } from '../../support/serve.ts'

const NAME = 'com.example.thing'
const HEAD = 'bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm'
const REV = '3jzfcijpj2z2a'
const STATES = [
  'takendown',
  'suspended',
  'deleted',
  'deactivated',
  'desynchronized',
  'throttled',
  'unheard-of',
]
const dids = didsFrom(0, 30).sort()
const didAt = (i: number) => dids[i] ?? ''

const store = memoryStore()
const { index, feed, progress } = store
let served: Served
let agent: AtpAgent
beforeAll(async () => {
  await feed.apply({ feed: 'feed:x', added: dids.map((did) => ({ did, collection: NAME })) })
  await feed.apply({
    feed: 'feed:x',
    accounts: dids.map((did, i) => {
      const status = STATES[i]
      const version = i % 10 === 9 ? {} : { rev: REV, head: HEAD }
      return { did, ...version, active: status === undefined, ...(status !== undefined && { status }) }
    }),
  })
  const handler = xrpcHandler({ index, feed, progress, severalCollections: true, maxLimit: 10_000 })
  served = await serve(handler)
  agent = new AtpAgent({ service: served.url })
})
afterAll(() => served[Symbol.asyncDispose]())

async function answerOf(path: string): Promise<[number, Record<string, unknown>]> {
  const response = await fetch(`${served.url}${path}`)
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  return [response.status, (await response.json()) as Record<string, unknown>]
}

/** Asks for all pages, each of which is as its lexicon has it. */
async function pagesOf(method: string, query: string): Promise<{ did: string }[]> {
  const read: { did: string }[] = []
  let cursor: string | undefined
  do {
    const [status, body] = await answerOf(`/xrpc/${method}?${query}${cursor ? `&cursor=${cursor}` : ''}`)
    expect(status).toBe(200)
    lexicons.assertValidXrpcOutput(method, body)
    read.push(...(body.repos as { did: string }[]))
    cursor = body.cursor as string | undefined
  } while (cursor !== undefined)
  return read
}

describe('every answer is as its lexicon has it', () => {
  it('of listReposByCollection, of one collection, of several and of all, with newcomers', async () => {
    const method = 'com.atproto.sync.listReposByCollection'
    expect(await pagesOf(method, `collection=${NAME}&limit=7`)).toHaveLength(29)
    expect(await pagesOf(method, `collection=${NAME}&collection=com.example.other&limit=7`)).toHaveLength(29)
    expect(await pagesOf(method, 'limit=7')).toHaveLength(29)
    const { data } = await agent.com.atproto.sync.listReposByCollection({ collection: NAME, limit: 10 })
    expect(data.repos).toHaveLength(10)
  })

  it('of listRepos: what the feed told, in the order of the DIDs, in pages of any size', async () => {
    const withCommits = dids.filter((_, i) => i % 10 !== 9)
    for (const limit of [1, 4, 1_000]) {
      const repos = await pagesOf('com.atproto.sync.listRepos', `limit=${limit}`)
      expect(repos.map(({ did }) => did)).toEqual(withCommits)
    }
    const { data } = await agent.com.atproto.sync.listRepos()
    expect(data.repos.slice(0, 8)).toEqual([
      ...STATES.map((status, i) => ({ did: didAt(i), head: HEAD, rev: REV, active: false, status })),
      { did: didAt(7), head: HEAD, rev: REV, active: true },
    ])
  })

  it('of getRepoStatus: a reason where it is not active, and a revision where it is', async () => {
    const statusOf = async (did: string) => {
      const { data } = await agent.com.atproto.sync.getRepoStatus({ did })
      lexicons.assertValidXrpcOutput('com.atproto.sync.getRepoStatus', data)
      return data
    }
    expect(await statusOf(didAt(0))).toEqual({ did: didAt(0), active: false, status: 'takendown' })
    expect(await statusOf(didAt(8))).toEqual({ did: didAt(8), active: true, rev: REV })
    expect(await statusOf(didAt(9))).toEqual({ did: didAt(9), active: true })
    const unknown = agent.com.atproto.sync.getRepoStatus({ did: 'did:plc:unknownunknownunknownunk' })
    await expect(unknown).rejects.toThrow(ComAtprotoSyncGetRepoStatus.RepoNotFoundError)
  })

  it.each([
    'listReposByCollection?collection=x',
    `listReposByCollection?collection=${NAME}&limit=0`,
    `listReposByCollection?collection=${NAME}&cursor=x`,
    'listRepos?limit=1001',
    'listRepos?limit=x',
    'listRepos?cursor=%00',
    'listRepos?cursor=a&cursor=b',
    'getRepoStatus',
    'getRepoStatus?did=x',
    `getRepoStatus?did=did:plc:a&did=did:plc:b`,
    `getRepoStatus?did=did:web:${'a'.repeat(3_000)}`,
    'getRepo?did=did:web:a.example',
    'subscribeRepos',
  ])('an error is an error of XRPC: %s', async (query) => {
    const [status, body] = await answerOf(`/xrpc/com.atproto.sync.${query}`)
    expect(status).toBe(/^(getRepo\?|subscribe)/.test(query) ? 501 : 400)
    expect(Object.keys(body)).toEqual(['error', 'message'])
    expect(body.error).toMatch(/^[A-Z][A-Za-z]+$/)
  })
})

describe('beside the methods', () => {
  it('getDidsForCollection is listReposByCollection by another name, as collectiondir has it', async () => {
    const query = `collection=${NAME}&limit=500`
    const [, alias] = await answerOf(`/v1/getDidsForCollection?${query}`)
    expect(alias.repos).toEqual(
      (await answerOf(`/xrpc/com.atproto.sync.listReposByCollection?${query}`))[1].repos,
    )
    expect((await answerOf('/v1/getDidsForCollection?collection=x'))[0]).toBe(400)
  })

  it.each(['/_health', '/xrpc/_health'])(
    '%s tells the version, once the index has answered',
    async (path) => {
      expect(await answerOf(path)).toEqual([200, { version: expect.any(String), status: 'ok' }])
      const listRepos = () => Promise.reject(new Error('gone'))
      const failing = xrpcHandler({ index: { listRepos } })
      expect((await failing(new Request(`http://relay.example${path}`))).status).toBe(500)
    },
  )

  it('accounts are not served where no feed tells of them', async () => {
    const without = xrpcHandler({ index })
    for (const method of ['listRepos', `getRepoStatus?did=${didAt(0)}`]) {
      const response = await without(new Request(`http://relay.example/xrpc/com.atproto.sync.${method}`))
      expect([response.status, await response.json()]).toMatchObject([501, { error: 'MethodNotImplemented' }])
    }
  })
})

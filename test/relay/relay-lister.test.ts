import { describe, expect, test } from 'vitest'
import { RelayError, RelayUnsuitableError } from '../../src/errors.ts'
import { type RelayListerOptions, relayLister } from '../../src/relay/relay-lister.ts'
import { queryOf, startAnswering, startServer } from '../support/http-server.ts'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const ONE = JSON.stringify({ repos: [{ did: DID }] })
const collection = 'com.example.thing'

async function rejection(promise: Promise<unknown> | undefined): Promise<unknown> {
  return promise?.then(
    () => undefined,
    (error) => error,
  )
}

describe('a page is asked for', () => {
  test('with the collection, the limit and the cursor, and the same limit each time', async () => {
    await using server = await startAnswering(200, ONE)
    const lister = relayLister(server.origin)
    expect(await lister.listRepos({ collection })).toEqual({ dids: [DID], invalid: 0 })
    await lister.listRepos({ collection, cursor: 'c1' })
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET /xrpc/com.atproto.sync.listReposByCollection?collection=${collection}&limit=2000`,
      `GET /xrpc/com.atproto.sync.listReposByCollection?collection=${collection}&limit=2000&cursor=c1`,
    ])
  })

  test.each(['a+b/c==', '1&limit=1', 'ä 🦋 %2B', '{"a":[1]}'])(
    'with the cursor %s just as it came',
    async (cursor) => {
      await using server = await startServer((request, response) => {
        response.end(JSON.stringify({ repos: [], cursor: queryOf(request).get('cursor') }))
      })
      expect(await relayLister(server.origin).listRepos({ collection, cursor })).toMatchObject({ cursor })
      expect(queryOf(server.requests[0]).getAll('limit')).toEqual(['2000'])
    },
  )

  test('with the page size that was set', async () => {
    await using server = await startAnswering(200, ONE)
    await relayLister(server.origin, { pageSize: 10_000 }).listRepos({ collection })
    expect(queryOf(server.requests[0]).get('limit')).toBe('10000')
  })

  test('by a name that tells its cursors from those of other servers', async () => {
    await using server = await startAnswering(200, ONE)
    expect(relayLister(server.origin).relay).toBe(server.origin)
    expect(relayLister('https://Relay.example/').relay).toBe('relay.example')
  })
})

describe('a page that cannot be had is an error with the request in it', () => {
  test.each([400, 401, 403, 404, 410, 501])('%i: no retry, in the server’s own words', async (status) => {
    await using server = await startAnswering(status, '{"error":"Nope","message":"Not here."}')
    const error = await rejection(relayLister(server.origin).listRepos({ collection, cursor: 'c1' }))
    expect(error).toBeInstanceOf(RelayError)
    expect(error).toMatchObject({
      code: 'RELAY_STATUS',
      retryable: false,
      relay: server.origin,
      collection,
      cursor: 'c1',
      status,
      error: 'Nope',
      serverMessage: 'Not here.',
      message: expect.stringContaining(
        `${server.host} answered ${status} for ${collection}: Nope: Not here. `,
      ),
    })
  })

  test.each([
    [502, '<html><h1>Bad Gateway</h1></html>', { code: 'RELAY_STATUS', serverMessage: 'Bad Gateway' }],
    [200, '<html><h1>Welcome</h1></html>', { code: 'RELAY_BAD_ANSWER' }],
    [200, ONE.slice(0, 20), { code: 'RELAY_BAD_ANSWER' }],
    [200, '{}', { code: 'RELAY_BAD_ANSWER' }],
    [204, '', { code: 'RELAY_BAD_ANSWER' }],
  ])('%i %s: it may pass', async (status, body, expected) => {
    await using server = await startAnswering(status, body)
    const error = await rejection(relayLister(server.origin).listRepos({ collection }))
    expect(error).toMatchObject({ ...expected, retryable: true, collection, relay: server.origin })
  })

  test('the reason of an abort is the caller’s own', async () => {
    const caller = new AbortController()
    await using server = await startServer(() => caller.abort('enough'))
    await expect(relayLister(server.origin).listRepos({ collection, signal: caller.signal })).rejects.toBe(
      'enough',
    )
  })
})

describe('the check', () => {
  test('passes a relay that has repositories, asked as the run will ask', async () => {
    await using server = await startAnswering(200, ONE)
    await relayLister(server.origin, { pageSize: 1234 }).check?.()
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/xrpc/com.atproto.sync.listReposByCollection?collection=app.bsky.actor.profile&limit=1234',
    ])
  })

  test('asks for the collection that was set', async () => {
    await using server = await startAnswering(200, ONE)
    await relayLister(server.origin, { checkCollection: collection }).check?.()
    expect(queryOf(server.requests[0]).get('collection')).toBe(collection)
  })

  test('tells an empty relay', async () => {
    await using server = await startAnswering(200, '{"repos":[]}')
    const error = await rejection(relayLister(server.origin).check?.())
    expect(error).toBeInstanceOf(RelayUnsuitableError)
    expect(error).toMatchObject({
      reason: 'empty',
      retryable: false,
      message: expect.stringContaining('firehose'),
    })
  })

  test.each([400, 403, 404, 405, 501])(
    'tells a relay without the method by its %i, in its own words',
    async (status) => {
      await using server = await startAnswering(
        status,
        '{"error":"XRPCNotSupported","message":"not proxied"}',
      )
      const error = await rejection(relayLister(server.origin).check?.())
      expect(error).toBeInstanceOf(RelayUnsuitableError)
      expect(error).toMatchObject({
        reason: 'no-method',
        retryable: false,
        status,
        error: 'XRPCNotSupported',
        serverMessage: 'not proxied',
        cause: expect.any(RelayError),
        message: expect.stringContaining(`it answered ${status} (XRPCNotSupported: not proxied)`),
      })
    },
  )

  test('takes a 403 that says when to come back for a wait, not for a relay without the method', async () => {
    await using server = await startServer((_, response) => {
      response.writeHead(403, { 'retry-after': '5' }).end()
    })
    const error = await rejection(relayLister(server.origin).check?.())
    expect(error).not.toBeInstanceOf(RelayUnsuitableError)
    expect(error).toMatchObject({ status: 403, retryable: true, retryAfterMs: 5000 })
  })

  test('points at a page size that the relay may have refused', async () => {
    await using server = await startAnswering(400, '{"error":"InvalidRequest"}')
    const error = await rejection(relayLister(server.origin, { pageSize: 10_000 }).check?.())
    expect(error).toMatchObject({ message: expect.stringContaining('pageSize of 10000') })
  })

  test.each([
    [500, '', { code: 'RELAY_STATUS', retryable: true }],
    [429, '', { code: 'RELAY_STATUS', retryable: true }],
    [401, '', { code: 'RELAY_STATUS', retryable: false }],
    [200, '<html>', { code: 'RELAY_BAD_ANSWER', retryable: true }],
  ])('passes other errors on as they are: %i %s', async (status, body, expected) => {
    await using server = await startAnswering(status, body)
    const error = await rejection(relayLister(server.origin).check?.())
    expect(error).not.toBeInstanceOf(RelayUnsuitableError)
    expect(error).toMatchObject(expected)
  })

  test('gives the caller’s own reason when it is aborted', async () => {
    const caller = new AbortController()
    const reason = new Error('enough')
    await using server = await startServer((_, response) => {
      caller.abort(reason)
      response.writeHead(404).end()
    })
    await expect(relayLister(server.origin).check?.({ signal: caller.signal })).rejects.toBe(reason)
  })
})

describe('an option that cannot be used is refused by name', () => {
  test.each<[string, RelayListerOptions]>([
    ['pageSize', { pageSize: 0 }],
    ['pageSize', { pageSize: 20_000 }],
    ['pageSize', { pageSize: 1.5 }],
    ['pageSize', { pageSize: '500' as unknown as number }],
    ['checkCollection', { checkCollection: 'profile' }],
    ['timeoutMs', { timeoutMs: -1 }],
  ])('%s: %j', (option, options) => {
    expect(() => relayLister('relay.example', options)).toThrowError(
      expect.objectContaining({ name: 'InvalidOptionError', option }),
    )
  })

  test('relay: ftp://x', () => {
    expect(() => relayLister('ftp://x')).toThrowError(expect.objectContaining({ option: 'relay' }))
  })
})

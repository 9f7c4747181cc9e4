import { describe, expect, it } from 'vitest'
import { describeRepo, isHostError, MOST_COLLECTIONS } from '../../src/crawl/describe-repo.ts'
import { createHttpClient } from '../../src/http/client.ts'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const asked = { did: DID, host: 'pds.example', origin: 'https://pds.example', signal: undefined }

/** What becomes of one answer of a host. */
function describedBy(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const http = createHttpClient({ fetch: async () => new Response(text, { status, headers }) })
  return describeRepo(http, asked)
}

describe('what a host says of a repo', () => {
  it('is asked for by one request with the DID', async () => {
    const urls: string[] = []
    const http = createHttpClient({
      fetch: async (input) => {
        urls.push(new Request(input).url)
        return Response.json({ did: DID, handle: 'a.example', collections: ['app.bsky.feed.post'] })
      },
    })
    const description = await describeRepo(http, asked)
    expect(description).toEqual({
      state: 'active',
      collections: ['app.bsky.feed.post'],
      leftOut: 0,
    })
    expect(urls).toEqual([
      `https://pds.example/xrpc/com.atproto.repo.describeRepo?repo=${encodeURIComponent(DID)}`,
    ])
  })

  it('is its collections in their normal form, each once, without what is no NSID', async () => {
    const collections = [
      'APP.Bsky.feed.post',
      'app.bsky.feed.post',
      'no nsid',
      7,
      null,
      'app.bsky.feed.likeIt',
    ]
    expect(await describedBy(200, { did: DID, collections })).toEqual({
      state: 'active',
      collections: ['app.bsky.feed.post', 'app.bsky.feed.likeIt'],
      leftOut: 0,
    })
  })

  it('is bounded', async () => {
    const collections = Array.from({ length: MOST_COLLECTIONS + 7 }, (_, i) => `com.example.made${i}`)
    expect(await describedBy(200, { did: DID, collections })).toMatchObject({
      collections: { length: MOST_COLLECTIONS },
      leftOut: 7,
    })
  })

  it.each([
    ['RepoNotFound', 'notFound'],
    ['RepoTakendown', 'takendown'],
    ['RepoDeactivated', 'deactivated'],
    ['RepoSuspended', 'suspended'],
    ['AccountTakedown', 'takendown'],
  ])('is its absence where it says %s', async (error, state) => {
    expect(await describedBy(400, { error, message: 'gone' })).toEqual({ state, reason: `${error}: gone` })
  })

  it('is its absence where an old host cannot find the user', async () => {
    const body = { error: 'InvalidRequest', message: `Could not find user: ${DID}` }
    expect(await describedBy(400, body)).toMatchObject({ state: 'notFound' })
  })
})

describe('an error', () => {
  it.each<[string, number, unknown]>([
    ['an answer of another repo', 200, { did: `${DID}b`, collections: [] }],
    ['an answer without collections', 200, { did: DID }],
    ['an answer that is cut', 200, '{"did":"did:plc:aaa'],
    ['a failure of the server', 500, { error: 'InternalServerError' }],
    [
      'a document that the host cannot read',
      400,
      { error: 'InvalidRequest', message: 'Could not resolve DID' },
    ],
  ])('concerns the repo alone: %s', async (_, status, body) => {
    const error = await describedBy(status, body).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(isHostError(error)).toBe(false)
  })

  it.each<[string, number, unknown]>([
    ['too many requests, in HTML', 429, '<html><h1>429 Too Many Requests</h1></html>'],
    ['a proxy in front of a dead host', 502, '<html>'],
    ['Cloudflare in front of one', 522, '<html>'],
    ['Cloudflare without an address for it', 530, '<html>'],
    ['no such method', 404, '<html>'],
    ['a method that is not implemented', 501, { error: 'MethodNotImplemented' }],
    ['a redirect', 301, ''],
  ])('concerns the host: %s', async (_, status, body) => {
    const error = await describedBy(status, body).catch((thrown) => thrown)
    expect(isHostError(error)).toBe(true)
  })

  it('concerns the host when there is no connection', async () => {
    const http = createHttpClient({ fetch: () => Promise.reject(new Error('ECONNREFUSED')) })
    const error = await describeRepo(http, asked).catch((thrown) => thrown)
    expect(isHostError(error)).toBe(true)
  })
})

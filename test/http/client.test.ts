import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { createHttpClient, type HttpOptions } from '../../src/http/client.ts'
import { USER_AGENT, VERSION } from '../../src/util/version.ts'
import { ask, failure } from '../support/ask.ts'
import { startAnswering, startServer } from '../support/http-server.ts'

describe('a request', () => {
  test('names the package and its version, after the product of whoever uses it', async () => {
    await using server = await startAnswering(200)
    await ask(server.origin)
    await ask(server.origin, { userAgent: 'my-relay/1.0 (+https://relay.example)' })
    expect(VERSION).toBe(manifest.version)
    const own = `${manifest.name}/${manifest.version} (+https://www.npmjs.com/package/${manifest.name})`
    expect(USER_AGENT).toBe(own)
    expect(server.requests.map(({ headers }) => headers['user-agent'])).toEqual([
      own,
      `my-relay/1.0 (+https://relay.example) ${own}`,
    ])
  })

  test('gives the status, the headers and the text of a success', async () => {
    await using server = await startAnswering(200, 'größe 🦋', { 'x-given': 'yes' })
    const answer = await ask(server.origin)
    expect([answer.status, answer.headers.get('x-given'), answer.text]).toEqual([200, 'yes', 'größe 🦋'])
  })

  test('keeps a character whole that arrives in two pieces', async () => {
    const bytes = Buffer.from('🦋')
    await using server = await startServer((_, response) => {
      response.write(bytes.subarray(0, 2), () => setImmediate(() => response.end(bytes.subarray(2))))
    })
    expect((await ask(server.origin)).text).toBe('🦋')
  })

  test('is made by the fetch that was given', async () => {
    const urls: string[] = []
    const answer = await ask('https://relay.example/x', {
      fetch: async (input) => {
        urls.push(new Request(input).url)
        return new Response('from the given fetch')
      },
    })
    expect([urls, answer.text]).toEqual([['https://relay.example/x'], 'from the given fetch'])
  })

  test('is made once, whatever the answer', async () => {
    await using server = await startAnswering(503)
    await failure(ask(server.origin))
    expect(server.requests).toHaveLength(1)
  })
})

describe('a network fault', () => {
  test('names the host and what happened, and keeps the cause', async () => {
    const server = await startAnswering(200)
    await server[Symbol.asyncDispose]()
    const error = await failure(ask(server.origin, { collection: 'a.b.c' }))
    expect(error).toMatchObject({ code: 'RELAY_UNREACHABLE', retryable: true, collection: 'a.b.c' })
    expect(error.message).toContain(server.host)
    expect(error.message).toContain('ECONNREFUSED')
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test.each([
    ['with a known length', { 'content-length': '100' }],
    ['in chunks', {}],
    ['compressed', { 'content-encoding': 'gzip' }],
  ])('is what a body that breaks off is, %s', async (_, headers: Record<string, string>) => {
    await using server = await startServer((_, response) => {
      const part = 'content-encoding' in headers ? gzipSync('x'.repeat(50)).subarray(0, 12) : 'cut sh'
      response.writeHead(200, headers).write(part, () => response.socket?.end())
    })
    const error = await failure(ask(server.origin))
    expect(error).toMatchObject({ code: 'RELAY_UNREACHABLE', retryable: true })
  })

  test('is not tried again: that is the caller’s part', async () => {
    await using server = await startServer((request) => request.socket.destroy())
    expect((await failure(ask(server.origin))).code).toBe('RELAY_UNREACHABLE')
    expect(server.requests).toHaveLength(1)
  })

  test('is what a body that cannot be decompressed is', async () => {
    await using server = await startAnswering(200, 'no gzip', { 'content-encoding': 'gzip' })
    expect(await failure(ask(server.origin))).toMatchObject({ code: 'RELAY_UNREACHABLE', retryable: true })
  })

  test('may be anything that a given fetch throws', async () => {
    const error = await failure(ask('https://relay.example', { fetch: () => Promise.reject('no network') }))
    expect(error).toMatchObject({ code: 'RELAY_UNREACHABLE', cause: 'no network' })
  })

  test('a name that does not resolve is told as that, and may come back with the network', async () => {
    const cause = Object.assign(new Error('getaddrinfo ENOTFOUND relay.example'), { code: 'ENOTFOUND' })
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause }))
    const error = await failure(ask('https://relay.example', { fetch }))
    expect(error).toMatchObject({ code: 'RELAY_UNREACHABLE', cause, retryable: true })
    expect(error.message).toContain('There is no host relay.example')
  })
})

describe('a given fetch that is wrong itself', () => {
  test.each([
    new TypeError('Cannot read properties of undefined'),
    new ReferenceError('agent is not defined'),
    new RangeError('Maximum call stack size exceeded'),
  ])('is no fault of the network: %s', async (mistake) => {
    await expect(ask('https://relay.example', { fetch: () => Promise.reject(mistake) })).rejects.toBe(mistake)
  })

  test('and one that tells of a broken network by a TypeError is not wrong', async () => {
    const broken = new TypeError('Failed to fetch')
    const error = await failure(ask('https://relay.example', { fetch: () => Promise.reject(broken) }))
    expect(error).toMatchObject({ code: 'RELAY_UNREACHABLE', cause: broken, retryable: true })
  })

  test('nor one whose body breaks off with a TypeError of any kind', async () => {
    const broken = new TypeError('error reading a body from connection')
    const body = new ReadableStream({ pull: (controller) => controller.error(broken) })
    const error = await failure(ask('https://relay.example', { fetch: async () => new Response(body) }))
    expect(error).toMatchObject({ code: 'RELAY_UNREACHABLE', cause: broken, retryable: true })
  })
})

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('by %i is refused, and its target is never asked', async (status) => {
    await using target = await startAnswering(200)
    await using server = await startAnswering(status, 'moved', { location: `${target.origin}/elsewhere` })
    const error = await failure(ask(`${server.origin}/here`))
    expect(error).toMatchObject({ code: 'RELAY_REDIRECT', status, retryable: false })
    expect(error.message).toContain(`${server.host} redirects to ${target.origin}/elsewhere for /here`)
    expect(target.requests).toEqual([])
  })

  test('without a target is refused as well', async () => {
    await using server = await startAnswering(304)
    expect((await failure(ask(server.origin))).code).toBe('RELAY_REDIRECT')
  })

  test('that the platform hides is refused as well', async () => {
    const hidden = Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' })
    const error = await failure(ask('https://relay.example', { fetch: async () => hidden }))
    expect(error.code).toBe('RELAY_REDIRECT')
  })
})

describe('an option that cannot be used is refused by name', () => {
  test.each<[string, HttpOptions]>([
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: 1.5 }],
    ['timeoutMs', { timeoutMs: 2 ** 31 }],
    ['maxBodyBytes', { maxBodyBytes: -1 }],
    ['maxBodyBytes', { maxBodyBytes: Number.NaN }],
    ['userAgent', { userAgent: '' }],
    ['userAgent', { userAgent: 'two\r\nlines: 1' }],
    ['fetch', { fetch: 'fetch' as unknown as typeof fetch }],
  ])('%s: %j', (option, options) => {
    expect(() => createHttpClient(options)).toThrowError(
      expect.objectContaining({ name: 'InvalidOptionError', option }),
    )
  })
})

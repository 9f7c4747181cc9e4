import { execFile } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ask, failure } from '../support/ask.ts'
import { hungUp, startAnswering, startServer } from '../support/http-server.ts'

const MIB = 1_048_576

describe('the deadline', () => {
  const late = {
    code: 'RELAY_TIMEOUT',
    retryable: true,
    relay: 'the relay',
    collection: 'a.b.c',
    cursor: 'x',
  }

  test('ends a wait for headers', async () => {
    await using server = await startServer(() => {})
    const error = await failure(ask(server.origin, { timeoutMs: 100, collection: 'a.b.c', cursor: 'x' }))
    expect(error).toMatchObject(late)
    expect(error.message).toContain(`${server.host} did not answer in full within 100 ms for a.b.c`)
  })

  test('ends a body that drips', async () => {
    await using server = await startServer((_, response) => {
      const drip = setInterval(() => response.write('.'), 10)
      response.once('close', () => clearInterval(drip))
    })
    expect(
      await failure(ask(server.origin, { timeoutMs: 200, collection: 'a.b.c', cursor: 'x' })),
    ).toMatchObject(late)
  })

  test('does not hide the status of an answer whose body never comes', async () => {
    await using server = await startServer((_, response) => {
      response.writeHead(429, { 'retry-after': '7' }).flushHeaders()
    })
    const error = await failure(ask(server.origin, { timeoutMs: 200 }))
    expect(error).toMatchObject({ code: 'RELAY_STATUS', status: 429, retryAfterMs: 7000 })
  })
})

describe('the cap on the body', () => {
  /** Passes answers on and counts the decoded bytes that the client takes. */
  function counting(): { fetch: typeof globalThis.fetch; taken: () => number } {
    let taken = 0
    return {
      taken: () => taken,
      fetch: async (input, init) => {
        const { body, headers } = await fetch(input, init)
        const counter = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            taken += chunk.byteLength
            controller.enqueue(chunk)
          },
        })
        return new Response(body?.pipeThrough(counter) ?? null, { headers })
      },
    }
  }

  test('stops an endless body, and hangs up', async () => {
    let left: Promise<void> | undefined
    const chunk = Buffer.alloc(65_536, 'x')
    await using server = await startServer((_, response) => {
      left = hungUp(response)
      Readable.from(
        (function* () {
          while (true) yield chunk
        })(),
      ).pipe(response)
    })
    const { fetch, taken } = counting()
    const error = await failure(ask(server.origin, { maxBodyBytes: MIB, fetch }))
    expect(error).toMatchObject({ code: 'RELAY_BAD_ANSWER', retryable: true, status: 200 })
    expect(error.message).toContain(`more than ${MIB} bytes`)
    expect(taken()).toBeLessThan(2 * MIB)
    await left
  })

  test('stops a gzip bomb of 2 GB near the cap', async () => {
    // Gzip streams may be put one after the other: 128 times 16 MiB of zeros.
    const member = gzipSync(Buffer.alloc(16 * MIB))
    const bomb = Buffer.concat(Array.from({ length: 128 }, () => member))
    await using server = await startAnswering(200, bomb, { 'content-encoding': 'gzip' })
    const { fetch, taken } = counting()
    const error = await failure(ask(server.origin, { maxBodyBytes: MIB, fetch }))
    expect(error).toMatchObject({ code: 'RELAY_BAD_ANSWER', retryable: true })
    expect(taken()).toBeGreaterThan(MIB)
    expect(taken()).toBeLessThan(2 * MIB)
  })

  test('lets a body of just that size pass', async () => {
    await using server = await startAnswering(200, gzipSync('x'.repeat(1000)), { 'content-encoding': 'gzip' })
    expect((await ask(server.origin, { maxBodyBytes: 1000 })).text).toHaveLength(1000)
    expect((await failure(ask(server.origin, { maxBodyBytes: 999 }))).code).toBe('RELAY_BAD_ANSWER')
  })

  test('reads only the beginning of an endless error page', async () => {
    let left: Promise<void> | undefined
    await using server = await startServer((_, response) => {
      left = hungUp(response)
      response.writeHead(502, { 'content-type': 'text/html' })
      Readable.from(
        (function* () {
          while (true) yield '<p>Bad Gateway</p>\n'
        })(),
      ).pipe(response)
    })
    const error = await failure(ask(server.origin))
    expect(error).toMatchObject({ code: 'RELAY_STATUS', status: 502, retryable: true })
    expect(error.serverMessage).toMatch(/^Bad Gateway Bad Gateway/)
    expect(error.serverMessage?.length).toBe(500)
    await left
  })

  test('keeps the beginning of an error page that comes in one piece', async () => {
    const page = `x${'ö'.repeat(20_000)}`
    const error = await failure(
      ask('https://relay.example', { fetch: async () => new Response(page, { status: 502 }) }),
    )
    expect(error.serverMessage).toMatch(/^xö{498}…$/)
  })
})

describe("a caller's abort", () => {
  const reasons: [string, unknown][] = [
    ['an error', new Error('the caller has gone')],
    ['a string', 'enough'],
  ]

  test.each(reasons)('beforehand gives its own reason, %s, and asks nobody', async (_, reason) => {
    await using server = await startAnswering(200)
    await expect(ask(server.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.requests).toEqual([])
  })

  test.each(reasons)('while headers are awaited gives its own reason, %s', async (_, reason) => {
    const caller = new AbortController()
    await using server = await startServer(() => {})
    const arrived = server.nextRequest()
    const asked = ask(server.origin, { signal: caller.signal })
    await Promise.all([expect(asked).rejects.toBe(reason), arrived.then(() => caller.abort(reason))])
  })

  test.each([200, 500])('in mid-body of a %i gives its own reason, and hangs up', async (status) => {
    const caller = new AbortController()
    const reason = new Error('the caller has gone')
    let pending: ServerResponse | undefined
    await using server = await startServer((_, response) => {
      pending = response.writeHead(status)
      response.write('the beginning')
    })
    const asked = ask(server.origin, {
      signal: caller.signal,
      // The headers are here and the body is being read once the answer has been handed on.
      fetch: async (input, init) => {
        const response = await fetch(input, init)
        setImmediate(() => caller.abort(reason))
        return response
      },
    })
    await expect(asked).rejects.toBe(reason)
    if (pending?.closed === false) await once(pending, 'close')
    expect(pending?.writableFinished).toBe(false)
  })
})

describe('a deadline', () => {
  test.each(['headers', 'body'])(
    'holds while memory is tidied up, when the %s do not come',
    async (phase) => {
      await using server = await startServer((_, response) => {
        if (phase === 'body') response.write('and so on')
      })
      // What ties one signal to another may be collected while a request is under way; the deadline must not go with it.
      const script = `
      import { createHttpClient } from '../../src/http/client.ts'
      const http = createHttpClient({ timeoutMs: 500 })
      const tidying = setInterval(() => gc(), 20)
      const url = new URL('/', '${server.origin}')
      const outcome = await http.get({ relay: '', url, accept: '*/*', signal: undefined }).catch((error) => error)
      clearInterval(tidying)
      console.log(outcome.code)
    `
      const child = promisify(execFile)(
        process.execPath,
        ['--expose-gc', '--input-type=module', '--eval', script],
        {
          cwd: import.meta.dirname,
          timeout: 10_000,
        },
      )
      expect((await child).stdout).toBe('RELAY_TIMEOUT\n')
    },
  )
})

describe('nothing is left behind', () => {
  test('no listener on a signal that lives on, and no timer', async () => {
    const { signal } = new AbortController()
    await using good = await startAnswering(200, 'fine')
    await using bad = await startAnswering(500, 'broken')
    await using silent = await startServer(() => {})
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    await ask(good.origin, { signal, timeoutMs: 1_000_000 })
    await failure(ask(bad.origin, { signal, timeoutMs: 1_000_000 }))
    await failure(ask(silent.origin, { signal, timeoutMs: 50 }))
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(timers()).toBeLessThanOrEqual(before)
  })

  test('no handle that keeps a process alive after a success, a failure and an abort', async () => {
    await using server = await startServer(({ url }, response) => {
      if (url === '/good') response.end('fine')
      if (url === '/bad') response.writeHead(500).end('broken')
      if (url === '/endless') response.write('and so on')
    })
    const script = `
      import { createHttpClient } from '../../src/http/client.ts'
      const http = createHttpClient({ timeoutMs: 1_000_000 })
      const caller = new AbortController()
      const url = (path) => new URL(path, '${server.origin}')
      const ask = (path) => http.get({ relay: '', url: url(path), accept: '*/*', signal: caller.signal })
      const endless = ask('/endless')
      console.log((await ask('/good')).text)
      console.log((await ask('/bad').catch((error) => error)).code)
      caller.abort('aborted')
      console.log(await endless.catch((reason) => reason))
    `
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: import.meta.dirname,
      timeout: 20_000,
    })
    expect((await child).stdout.split('\n')).toEqual(['fine', 'RELAY_STATUS', 'aborted', ''])
  })
})

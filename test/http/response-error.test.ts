import { describe, expect, test } from 'vitest'
import type { RelayError } from '../../src/errors.ts'
import { statusError } from '../../src/http/response-error.ts'

const asked = {
  relay: 'relay.example',
  url: new URL('https://relay.example/xrpc/method'),
  collection: 'com.example.thing',
  cursor: 'c1',
}

function errorOf(status: number, body = '', headers: Record<string, string> = {}): RelayError {
  return statusError(asked, status, new Headers(headers), body)
}

test('the error has the request, the status and the server’s own words as fields and in its message', () => {
  const error = errorOf(400, '{"error":"InvalidRequest","message":"Unknown cursor."}')
  expect(error).toMatchObject({
    code: 'RELAY_STATUS',
    relay: 'relay.example',
    collection: 'com.example.thing',
    cursor: 'c1',
    status: 400,
    error: 'InvalidRequest',
    serverMessage: 'Unknown cursor.',
  })
  expect(error.message).toMatch(
    /^relay\.example answered 400 for com\.example\.thing: InvalidRequest: Unknown cursor\. /,
  )
})

test.each([400, 401, 402, 404, 405, 410, 418, 451, 501])('%i is not worth a retry', (status) => {
  expect(errorOf(status, '', { 'retry-after': '5' })).toMatchObject({
    retryable: false,
    retryAfterMs: undefined,
  })
})

test.each<[string, Record<string, string>]>([
  ['no wait', {}],
  ['a wait that cannot be read', { 'retry-after': 'soon' }],
  ['a rate limit, which some servers tell of with every answer', { 'ratelimit-reset': '60' }],
])('403 with %s is not worth a retry', (_, headers) => {
  expect(errorOf(403, '', headers)).toMatchObject({
    retryable: false,
    retryAfterMs: undefined,
    cursorRefused: true,
  })
})

test('403 with a Retry-After is a wait, and does not mean the cursor', () => {
  const error = errorOf(403, '', { 'retry-after': '5' })
  expect(error).toMatchObject({ retryable: true, retryAfterMs: 5000, cursorRefused: false })
  expect(error.message).toContain('It asks to wait 5 s')
})

test.each([408, 421, 425, 429, 500, 502, 503, 504, 520, 599])(
  '%i may pass, after the wait that was asked for',
  (status) => {
    expect(errorOf(status, '', { 'retry-after': '5' })).toMatchObject({ retryable: true, retryAfterMs: 5000 })
  },
)

test.each([400, 404, 410, 500, 502])('%i may mean the cursor, where one was sent', (status) => {
  expect(errorOf(status).cursorRefused).toBe(true)
  const first = statusError({ ...asked, cursor: undefined }, status, new Headers(), '')
  expect(first.cursorRefused).toBe(false)
})

test.each([408, 421, 425, 429])(
  '%i never means the cursor: it speaks of the moment, the connection or the number of requests',
  (status) => {
    expect(errorOf(status).cursorRefused).toBe(false)
  },
)

describe('the server’s words are found in', () => {
  test.each<[string, string, string | undefined, string | undefined]>([
    ['an XRPC error', '{"error":"A","message":"b c"}', 'A', 'b c'],
    ['an error without a message', '{"error":"A"}', 'A', undefined],
    ['a message without an error', '{"message":"Not Found"}', undefined, 'Not Found'],
    ['neither, when they are no strings', '{"error":{"a":1},"message":[]}', undefined, undefined],
    ['plain text', ' upstream\r\n\tfailed ', undefined, 'upstream failed'],
    [
      'an HTML page',
      '<!doctype html>\n<style>a{}</style><h1>502</h1>\n<p>Bad\nGateway</p>',
      undefined,
      '502 Bad Gateway',
    ],
    ['JSON that is no object', '"gone"', undefined, '"gone"'],
    ['JSON null', 'null', undefined, 'null'],
    ['nothing', ' \n', undefined, undefined],
    [
      'a text with a NUL, an escape and half a surrogate pair',
      'a\0b\u001b[2Jc\ud83ed',
      undefined,
      'a b [2Jc d',
    ],
  ])('%s', (_, body, error, serverMessage) => {
    expect(errorOf(500, body)).toMatchObject({ error, serverMessage })
  })
})

test('what the server says is kept to 500 characters, and no character is cut in half', () => {
  const { error, serverMessage, message } = errorOf(
    500,
    JSON.stringify({ error: 'e'.repeat(9999), message: '🦋'.repeat(9999) }),
  )
  expect(error).toBe(`${'e'.repeat(499)}…`)
  expect(serverMessage).toBe(`${'🦋'.repeat(249)}…`)
  expect(message.length).toBeLessThan(1300)
})

test.each<[number, Record<string, string>, RegExp]>([
  [429, { 'retry-after': '30' }, /asks to wait 30 s/],
  [429, {}, /ask less often/],
  [503, {}, /try again later/],
  [401, {}, /does not let this client in/],
  [404, {}, /use another server/],
  [400, {}, /will fail again/],
])('the message of a %i with %j says what to do', (status, headers, expected) => {
  expect(errorOf(status, '', headers).message).toMatch(expected)
})

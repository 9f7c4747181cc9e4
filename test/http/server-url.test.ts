import { expect, test } from 'vitest'
import { InvalidOptionError } from '../../src/errors.ts'
import { relayUrl, sourceUrl } from '../../src/http/server-url.ts'

test.each([
  ['relay.example', 'relay.example', 'https://relay.example'],
  ['Relay.Example', 'relay.example', 'https://relay.example'],
  ['https://relay.example', 'relay.example', 'https://relay.example'],
  ['HTTPS://RELAY.example:443/', 'relay.example', 'https://relay.example'],
  ['relay.example:443', 'relay.example', 'https://relay.example'],
  ['relay.example:8443', 'https://relay.example:8443', 'https://relay.example:8443'],
  ['http://relay.example', 'http://relay.example', 'http://relay.example'],
  ['http://relay.example:80/', 'http://relay.example', 'http://relay.example'],
  ['http://relay.example:443', 'http://relay.example:443', 'http://relay.example:443'],
  ['http://127.0.0.1:2470', 'http://127.0.0.1:2470', 'http://127.0.0.1:2470'],
  ['localhost:2470', 'https://localhost:2470', 'https://localhost:2470'],
  ['[::1]:2470', 'https://[::1]:2470', 'https://[::1]:2470'],
  ['relay.example.', 'relay.example', 'https://relay.example'],
  ['https://Relay.example./', 'relay.example', 'https://relay.example'],
  ['relay.example.:8443', 'https://relay.example:8443', 'https://relay.example:8443'],
  ['http://localhost.:2470', 'http://localhost:2470', 'http://localhost:2470'],
  ['127.0.0.1.', '127.0.0.1', 'https://127.0.0.1'],
  ['rélais.example。', 'xn--rlais-bsa.example', 'https://xn--rlais-bsa.example'],
  ['rélais.example', 'xn--rlais-bsa.example', 'https://xn--rlais-bsa.example'],
])('%s has the name %s', (given, relay, origin) => {
  expect(relayUrl(given)).toEqual({ relay, origin })
})

test.each([
  '',
  ' ',
  ' relay.example',
  'relay.example\n',
  'https://',
  'https:relay.example',
  'ftp://relay.example',
  'wss://relay.example',
  'file:',
  'file:///etc/passwd',
  'data:text/plain,x',
  'user:pass@relay.example',
  'https://user:pass@relay.example',
  'https://@relay.example',
  'relay.example/xrpc',
  'https://relay.example/xrpc/',
  'https://relay.example?a=b',
  'https://relay.example/?',
  'https://relay.example#',
  'https://relay.example\\xrpc',
  'relay.example:99999',
  'relay example',
  'relay.example..',
  'relay..example',
  '.relay.example',
  '.',
  'https://./',
])('%j is refused', (relay) => {
  expect(() => relayUrl(relay)).toThrowError(
    expect.objectContaining({
      name: 'InvalidOptionError',
      option: 'relay',
      message: expect.stringContaining('http'),
    }),
  )
})

test('what is no string is refused', () => {
  expect(() => relayUrl(undefined as unknown as string)).toThrowError(InvalidOptionError)
})

test.each([
  'user:secret@relay.example',
  'https://user:secret@relay.example',
  'https://a@b:secret@relay.example',
  'https://user:secret/word@relay.example',
])('the password in %s is not repeated in the error', (relay) => {
  expect(() => relayUrl(relay)).toThrowError(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  )
})

test('the error names the option that it was given for', () => {
  expect(() => relayUrl('', 'host')).toThrowError(expect.objectContaining({ option: 'host' }))
})

test('a list on a host with a last dot is the one without', () => {
  expect(sourceUrl('https://lexicon.garden./llms.txt?x=.').href).toBe('https://lexicon.garden/llms.txt?x=.')
  expect(() => sourceUrl('https://lexicon.garden../llms.txt')).toThrowError(InvalidOptionError)
})

test.each(['https://lexicon.garden/llms.txt', 'http://127.0.0.1:2470/list?of=names'])(
  '%s is the address of a list',
  (given) => {
    expect(sourceUrl(given).href).toBe(given)
  },
)

test.each([
  'lexicon.garden/llms.txt',
  '',
  'ftp://lexicon.garden/',
  'https://user:secret@lexicon.garden/',
  'https://user:secret@lexicon.garden:port/llms.txt',
  'https://user:secret@lexicon.garden../llms.txt',
  'https://user:secret/word@lexicon.garden/llms.txt',
])('%j is no address of a list, and the error repeats no password', (given) => {
  expect(() => sourceUrl(given)).toThrowError(
    expect.objectContaining({ option: 'url', message: expect.not.stringContaining('secret') }),
  )
})

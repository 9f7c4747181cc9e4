import { expect, test } from 'vitest'
import { relayUrl } from '../../src/http/server-url.ts'
import { collectionRows, isRelayScope, workKindOf, workScope, workSubjectOf } from '../../src/util/scopes.ts'

test('no way to write a relay gives the scope of other work', () => {
  for (const given of [
    'relay.example',
    'https://feed',
    'crawl:8080',
    'http://prune:80',
    '127.0.0.1:1',
    '[::1]',
  ])
    expect(isRelayScope(relayUrl(given).relay), given).toBe(true)
})

test('the scope of other work tells its kind and its subject', () => {
  const scope = workScope('crawl', '*.host.example')
  expect([isRelayScope(scope), workKindOf(scope), workSubjectOf(scope)]).toEqual([
    false,
    'crawl',
    '*.host.example',
  ])
  expect([workKindOf('relay.example'), workSubjectOf('relay.example')]).toEqual([undefined, 'relay.example'])
})

test('rows of other work are no rows of collections', () => {
  const relays = [
    'feed:relay.example',
    'relay.example',
    'crawl:',
    'prune:http://relay.example:8080',
    'http://a:1',
  ]
  expect(collectionRows(relays.map((relay) => ({ relay }))).map(({ relay }) => relay)).toEqual([
    'relay.example',
    'http://a:1',
  ])
})

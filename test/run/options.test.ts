import { describe, expect, it } from 'vitest'
import {
  type BackfillOptions,
  createBackfiller,
  InvalidOptionError,
  knownCollections,
  memoryStore,
  relayLister,
} from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { settingsOf } from '../../src/run/options.ts'
import { scriptedLister } from '../support/scripted-lister.ts'

const usable: BackfillOptions = {
  relay: scriptedLister({}),
  collections: [knownCollections(['com.example.a'])],
  store: { sink: memoryIndexSink(), progress: memoryProgressStore() },
}

describe('an option that cannot be used is refused at once, by name, with what would be right', () => {
  it.each<[string, unknown, RegExp]>([
    ['relay', undefined, /relay must be a host such as 'relay1/],
    [
      'relay',
      {},
      /relay must be a host such as 'relay1\.us-east\.bsky\.network' or a RepoLister such as relayLister\(/,
    ],
    ['relay', 'ftp://x', /relay must be .*"ftp:\/\/x"/],
    ['relay', [], /relay must be a relay, or a list of relays/],
    [
      'relay',
      ['relay.example', 'https://relay.example'],
      /each have another name, not \["relay\.example","relay/,
    ],
    ['store', undefined, /store must be a store such as memoryStore\(\) or await openPostgres\(url\)/],
    ['store', { sink: {}, progress: memoryProgressStore() }, /store\.sink must be an IndexSink/],
    ['store', { sink: memoryIndexSink(), progress: null }, /store\.progress must be a ProgressStore/],
    ['store', { ...memoryStore(), observed: 'x' }, /store\.observed must be a CollectionSource/],
    ['collections', ['posts'], /collections must be a list of NSIDs such as app\.bsky\.feed\.post, patterns/],
    ['onEvent', {}, /onEvent must be a function/],
    ['concurrency', 0, /concurrency must be a whole number of at least 1, not 0/],
    ['concurrency', 2.5, /concurrency/],
    ['concurrency', Number.POSITIVE_INFINITY, /concurrency/],
    ['pagesAhead', 0, /pagesAhead must be a whole number of at least 1, not 0/],
    ['maxAttempts', 0, /maxAttempts/],
    ['leaseMs', 5, /leaseMs must be a whole number from 100 to/],
    ['leaseMs', 100 * 86_400_000, /leaseMs/],
    ['refreshAfterMs', -1, /refreshAfterMs/],
    ['refreshBefore', 'yesterday', /refreshBefore must be a valid Date/],
    ['refreshBefore', new Date(Number.NaN), /refreshBefore must be a valid Date/],
    ['retry', { retries: -1 }, /retry\.retries/],
    ['retry', { minDelayMs: '1' }, /retry\.minDelayMs/],
    ['retry', { maxDelayMs: Number.NaN }, /retry\.maxDelayMs/],
  ])('%s: %j', (option, value, message) => {
    const options = { ...usable, [option]: value } as BackfillOptions
    expect(() => createBackfiller(options)).toThrow(InvalidOptionError)
    expect(() => createBackfiller(options)).toThrow(message)
  })

  it('a page size of 20,000', () => {
    expect(() => relayLister('relay.example', { pageSize: 20_000 })).toThrow(
      /pageSize must be a whole number from 1 to 10000/,
    )
  })

  it('a collection that is no NSID', () => {
    expect(() => knownCollections(['app.bsky.feed.post', 'posts'])).toThrow(/collections must be .*"posts"/)
  })
})

describe('an option that does not exist is refused with the one that serves', () => {
  it.each([
    ['lister', 'relay'],
    ['sources', 'collections'],
    ['sink', 'store'],
    ['progress', 'store'],
    ['hooks', 'onEvent'],
    ['retries', 'retry'],
    ['refreshAfter', 'refreshAfterMs'],
    ['concurency', 'concurrency'],
  ])('%s: %s', (option, meant) => {
    expect(() => createBackfiller({ ...usable, [option]: 1 } as BackfillOptions)).toThrow(
      `unknown option ${option}; did you mean ${meant}?`,
    )
  })

  it('inside of retry', () => {
    const options = { ...usable, retry: { retrys: 3 } } as BackfillOptions
    expect(() => createBackfiller(options)).toThrow(
      'unknown option retry.retrys; did you mean retry.retries?',
    )
  })
})

it('a relay may be a host, a URL, a lister, or several of these', () => {
  const lister = scriptedLister({}, 'own.test')
  const namesOf = (relay: BackfillOptions['relay']) =>
    settingsOf({ ...usable, relay }).relays.map(({ lister }) => lister.relay)
  expect(namesOf('https://relay.example')).toEqual(['relay.example'])
  expect(namesOf(lister)).toEqual(['own.test'])
  expect(namesOf(['relay.example', 'http://127.0.0.1:8080', lister])).toEqual([
    'relay.example',
    'http://127.0.0.1:8080',
    'own.test',
  ])
})

it('what is left out has the documented default', () => {
  expect(settingsOf(usable).relays[0]).toMatchObject({
    concurrency: 6,
    pagesAhead: 4,
    refreshAfterMs: undefined,
    refreshBefore: undefined,
    maxAttempts: 5,
    retry: { retries: 9, minDelayMs: 50, maxDelayMs: 60_000 },
    leaseMs: 60_000,
  })
})

import { describe, expect, it } from 'vitest'
import {
  type BackfillOptions,
  createBackfiller,
  InvalidOptionError,
  knownCollections,
  memoryIndexSink,
  memoryProgressStore,
  relayLister,
} from '../../src/index.ts'
import { settingsOf } from '../../src/run/options.ts'
import { scriptedLister } from '../support/scripted-lister.ts'

const usable: BackfillOptions = {
  lister: scriptedLister({}),
  sources: [knownCollections(['com.example.a'])],
  sink: memoryIndexSink(),
  progress: memoryProgressStore(),
}

describe('an option that cannot be used is refused at once, by name, with what would be right', () => {
  it.each<[string, unknown, RegExp]>([
    ['sources', [], /sources must be a list of at least one source such as \[lexiconGarden\(\)\], not \[\]/],
    ['sources', undefined, /sources must be a list/],
    ['sources', [{}], /sources must be a list of CollectionSource/],
    ['lister', 'relay.example', /lister must be a RepoLister such as relayLister\(/],
    ['sink', undefined, /sink must be an IndexSink such as memoryIndexSink\(\)/],
    ['progress', null, /progress must be a ProgressStore/],
    ['concurrency', 0, /concurrency must be a whole number of at least 1, not 0/],
    ['concurrency', 2.5, /concurrency/],
    ['concurrency', Number.POSITIVE_INFINITY, /concurrency/],
    ['pagesAhead', 0, /pagesAhead must be a whole number of at least 1, not 0/],
    ['maxAttempts', 0, /maxAttempts/],
    ['leaseMs', 5, /leaseMs must be a whole number from 100 to/],
    ['leaseMs', 100 * 86_400_000, /leaseMs/],
    ['refreshAfterMs', -1, /refreshAfterMs/],
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

  it('a relay `ftp://x`', () => {
    expect(() => relayLister('ftp://x')).toThrow(/relay must be .*"ftp:\/\/x"/)
  })

  it('a collection that is no NSID', () => {
    expect(() => knownCollections(['app.bsky.feed.post', 'posts'])).toThrow(/collections must be .*"posts"/)
  })
})

it('what is left out has the documented default', () => {
  expect(settingsOf(usable)).toMatchObject({
    concurrency: 6,
    pagesAhead: 4,
    refreshAfterMs: undefined,
    maxAttempts: 5,
    retry: { retries: 9, minDelayMs: 50, maxDelayMs: 60_000 },
    leaseMs: 60_000,
  })
})

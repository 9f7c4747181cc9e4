import { describe, expect, it } from 'vitest'
import {
  BackfillError,
  type CollectionSource,
  DiscoveryError,
  type KnownCollection,
  knownCollections,
  RelayError,
} from '../../src/index.ts'
import { discover } from '../../src/run/discovery.ts'

const signal = new AbortController().signal
const options = {
  relays: [],
  signal,
  retry: { retries: 2, minDelayMs: 1, maxDelayMs: 5 },
  onRetry: () => {},
}

/** A source that gives these, and then fails when there is an error. */
function source(name: string, collections: readonly unknown[], error?: Error): CollectionSource {
  return {
    name,
    async *collections() {
      yield* collections as KnownCollection[]
      if (error) throw error
    },
  }
}

const those = (...sources: CollectionSource[]) => sources.map((source) => ({ source }))

describe('discovery', () => {
  it('is the union of all sources, each collection once, with the highest estimate', async () => {
    const sources = [
      source('a', [{ nsid: 'com.example.x', estimatedRepos: 5 }, { nsid: 'com.example.y' }]),
      source('b', [
        { nsid: 'com.example.x', estimatedRepos: 70 },
        { nsid: 'com.example.x', estimatedRepos: 6 },
      ]),
      source('c', [{ nsid: 'com.example.x' }, { nsid: 'com.example.z', estimatedRepos: 0 }]),
    ]
    const { collections, errors } = await discover(those(...sources), options)
    expect(collections).toHaveLength(3)
    expect(collections).toEqual(
      expect.arrayContaining([
        { nsid: 'com.example.x', estimatedRepos: 70 },
        { nsid: 'com.example.y' },
        { nsid: 'com.example.z', estimatedRepos: 0 },
      ]),
    )
    expect(errors).toEqual([])
  })

  it('drops, counts and names what is no NSID, lowers the authority of what is one, and does not believe absurd estimates', async () => {
    const rubbish = [
      { nsid: 'nope' },
      { nsid: 5 },
      {},
      null,
      { nsid: `com.example.${'x'.repeat(400)}` },
      { nsid: '__proto__' },
    ]
    const good = [
      { nsid: 'com.Example.camelCase', estimatedRepos: Number.NaN },
      { nsid: 'com.example.b', estimatedRepos: -3 },
    ]
    const discovery = await discover(those(source('a', [...rubbish, ...good])), options)
    expect(discovery.collections).toEqual([{ nsid: 'com.example.camelCase' }, { nsid: 'com.example.b' }])
    expect(discovery.sources).toEqual([{ name: 'a', found: 8, invalid: 6 }])
    expect(discovery.invalidNames).toEqual(
      ['nope', '(number)', '(undefined)', expect.stringMatching(/^com\.example\.x{87}…$/), '__proto__'].map(
        (name) => ({ source: 'a', name }),
      ),
    )
  })

  it('names the first ten that are no NSID, each once', async () => {
    const rubbish = Array.from({ length: 1_000 }, (_, i) => ({ nsid: `no${Math.floor(i / 2)}` }))
    const { invalidNames, sources } = await discover(those(source('a', rubbish)), options)
    expect(invalidNames.map(({ name }) => name)).toEqual(Array.from({ length: 10 }, (_, i) => `no${i}`))
    expect(sources).toEqual([{ name: 'a', found: 1_000, invalid: 1_000 }])
  })

  it('takes names whose authority differs in case for one, with the highest estimate', async () => {
    const known = ['COM.example.postView', 'com.Example.postView', 'com.example.postview']
    const sized = known.map((nsid, i) => ({ nsid, estimatedRepos: i + 1 }))
    expect((await discover(those(source('a', sized)), options)).collections).toEqual([
      { nsid: 'com.example.postView', estimatedRepos: 2 },
      { nsid: 'com.example.postview', estimatedRepos: 3 },
    ])
  })

  it('says which sizes a source leaves out, unless it gave such a size, or few', async () => {
    const sized = (count: number, least: number) => {
      const known = Array.from({ length: count }, (_, i) => ({
        nsid: `com.example.n${i}`,
        estimatedRepos: least + i,
      }))
      return { ...source(`${count} from ${least}`, known), leastRepos: 5 }
    }
    const reports = (await discover(those(sized(20, 5), sized(20, 4), sized(19, 5)), options)).sources
    expect(reports.map(({ leastRepos }) => leastRepos)).toEqual([5, undefined, undefined])
  })

  it('keeps what a source gave before it failed, and names it', async () => {
    const error = new Error('cut off')
    const broken = source('broken', [{ nsid: 'com.example.early' }], error)
    const { collections, errors } = await discover(
      those(broken, knownCollections(['com.example.late'])),
      options,
    )
    expect(collections.map(({ nsid }) => nsid).sort()).toEqual(['com.example.early', 'com.example.late'])
    expect(errors).toEqual([{ source: 'broken', error }])
  })

  it('ends at the deadline for a source that hangs, even one that listens to nothing', async () => {
    const deaf: CollectionSource = {
      name: 'deaf',
      async *collections() {
        yield { nsid: 'com.example.early' }
        await new Promise(() => {})
      },
    }
    const { collections, errors } = await discover(
      [{ source: deaf, timeoutMs: 50 }, ...those(knownCollections(['com.example.a']))],
      options,
    )
    expect(collections.map(({ nsid }) => nsid).sort()).toEqual(['com.example.a', 'com.example.early'])
    expect(errors).toMatchObject([
      { source: 'deaf', error: { message: expect.stringContaining('did not end within 50 ms') } },
    ])
  })

  it('tells a source that takes too long to stop, by its signal', async () => {
    let seen: AbortSignal | undefined
    const slow: CollectionSource = {
      name: 'slow',
      async *collections({ signal } = {}) {
        seen = signal
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
      },
    }
    await discover([{ source: slow, timeoutMs: 20 }], options)
    expect(seen?.aborted).toBe(true)
  })

  it('rejects with the caller’s reason when aborted', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const deaf = {
      name: 'deaf',
      collections: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }),
    }
    const found = discover(those(deaf), { ...options, signal: controller.signal })
    controller.abort(reason)
    await expect(found).rejects.toBe(reason)
  })

  it('asks a source again whose error says that this may help, and no other', async () => {
    const asked: string[] = []
    const failing = (name: string, error: Error): CollectionSource => ({
      name,
      async *collections() {
        asked.push(name)
        if (asked.filter((other) => other === name).length < 3) throw error
        yield { nsid: `com.example.${name}` }
      },
    })
    const busy = new RelayError('RELAY_STATUS', '503', { relay: 'x', status: 503, retryable: true })
    const gone = new RelayError('RELAY_STATUS', '404', { relay: 'x', status: 404 })
    const retries: string[] = []
    const { collections, errors } = await discover(
      those(failing('busy', busy), failing('gone', gone), failing('plain', new Error('no idea'))),
      { ...options, onRetry: ({ source }) => retries.push(source) },
    )
    expect(collections).toEqual([{ nsid: 'com.example.busy' }])
    expect(errors.map(({ source }) => source).sort()).toEqual(['gone', 'plain'])
    expect(retries).toEqual(['busy', 'busy'])
  })

  it('counts what a source gives in one try, however often it is asked', async () => {
    const busy = new RelayError('RELAY_STATUS', '503', { relay: 'x', status: 503, retryable: true })
    let tries = 0
    const source: CollectionSource = {
      name: 'breaks off',
      async *collections() {
        tries += 1
        yield { nsid: 'com.example.a' }
        if (tries === 2) yield* [{ nsid: 'no-nsid' }, { nsid: 'com.example.b' }]
        throw busy
      },
    }
    const found = await discover(those(source), { ...options, retry: { ...options.retry, retries: 3 } })
    expect(tries).toBe(4)
    expect(found.sources).toEqual([{ name: 'breaks off', found: 3, invalid: 1 }])
    expect(found.collections.map(({ nsid }) => nsid)).toEqual(['com.example.a', 'com.example.b'])
  })

  it('a source that throws before it iterates is a failed source', async () => {
    const error = new Error('not even begun')
    const eager: CollectionSource = {
      name: 'eager',
      collections() {
        throw error
      },
    }
    expect((await discover(those(eager), options)).errors).toEqual([{ source: 'eager', error }])
  })
})

it('without a collection is worth another try later where a source says so', () => {
  const passing = new BackfillError('SOURCE_TIMEOUT', 'late', { retryable: true })
  expect(new DiscoveryError([{ source: 'a', error: passing }]).retryable).toBe(true)
  expect(new DiscoveryError([{ source: 'a', error: new Error('gone') }]).retryable).toBe(false)
})

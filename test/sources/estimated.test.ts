import { describe, expect, it, test } from 'vitest'
import {
  type CollectionSource,
  estimated,
  type KnownCollection,
  knownCollections,
  ufos,
} from '../../src/index.ts'
import { discover } from '../../src/run/discovery.ts'
import { collectionSourceSuite } from '../../src/testing/index.ts'
import { fixtureOf, pageOf, readSource, type Said, serveList } from '../support/served-list.ts'

const counts = (known: Record<string, unknown>): Said => ({ body: { collections: known, cursor: '' } })

describe('estimated keeps what a source promises', () => {
  const knows = (known: readonly KnownCollection[]) =>
    Object.fromEntries(known.map(({ nsid, estimatedRepos = null }) => [nsid, estimatedRepos]))

  describe('with a directory that fails', () => {
    for (const { name, run } of collectionSourceSuite) {
      test(name, () =>
        run(async (known) => {
          const server = await serveList(() => counts(knows(known)))
          const source = knownCollections(known.map(({ nsid }) => nsid))
          return fixtureOf(server, estimated(source, server.origin))
        }),
      )
    }
  })

  describe('with a source that fails', () => {
    for (const { name, run } of collectionSourceSuite) {
      test(name, () =>
        run(async (known) => {
          const directory = await serveList(() => counts(knows(known)))
          const server = await serveList((query) => {
            const { page, cursor } = pageOf(
              known.map(({ nsid }) => ({ nsid })),
              query,
            )
            return { body: { collections: page, cursor } }
          })
          return {
            ...fixtureOf(server, estimated(ufos({ url: server.origin }), directory.origin)),
            async [Symbol.asyncDispose]() {
              await server[Symbol.asyncDispose]()
              await directory[Symbol.asyncDispose]()
            },
          }
        }),
      )
    }
  })
})

describe('estimated', () => {
  it('fills in the counts that a relay knows, and leaves estimates and collections as the source gives them', async () => {
    await using server = await serveList(() =>
      counts({ 'a.b.c': 7, 'a.b.d': 8, 'a.b.f': 9, 'a.b.g': 'many' }),
    )
    const source = knownCollections(['a.b.c', { nsid: 'a.b.d', estimatedRepos: 0 }, 'a.b.e', 'a.b.g'])
    expect(await readSource(estimated(source, server.origin))).toEqual({
      found: [
        { nsid: 'a.b.c', estimatedRepos: 7 },
        { nsid: 'a.b.d', estimatedRepos: 0 },
        { nsid: 'a.b.e' },
        { nsid: 'a.b.g' },
      ],
      error: undefined,
    })
  })

  it('gives the source’s collections where the relay has no directory, and says that it has none', async () => {
    await using server = await serveList(() => ({ status: 404, body: { error: 'Not Found' } }))
    const { found, error } = await readSource(estimated(knownCollections(['a.b.c', 'a.b.d']), server.origin))
    expect(found).toEqual([{ nsid: 'a.b.c' }, { nsid: 'a.b.d' }])
    expect(error).toMatchObject({ code: 'RELAY_STATUS', status: 404 })
  })

  it('asks the directory again in a run where that may help, with the collections safe already', async () => {
    let asked = 0
    await using server = await serveList(() =>
      ++asked === 1 ? { status: 503, body: '' } : counts({ 'a.b.c': 7 }),
    )
    const { collections, errors } = await discover([estimated(knownCollections(['a.b.c']), server.origin)], {
      signal: new AbortController().signal,
      timeoutMs: 20_000,
      retry: { retries: 1, minDelayMs: 1, maxDelayMs: 10 },
      onRetry: () => {},
    })
    expect([collections, errors, asked]).toEqual([[{ nsid: 'a.b.c', estimatedRepos: 7 }], [], 2])
  })

  it('passes on what the source gives, names or not', async () => {
    await using server = await serveList(() => counts({ 'a.b.c': 7 }))
    const junk = [null, { nsid: 5 }, { nsid: 'a.b.c' }]
    const source = {
      name: 'junk',
      async *collections() {
        yield* junk
      },
    } as unknown as CollectionSource
    expect((await readSource(estimated(source, server.origin))).found).toEqual([
      null,
      { nsid: 5 },
      { nsid: 'a.b.c', estimatedRepos: 7 },
    ])
  })

  it('says in its name whose counts these are', () => {
    expect(estimated(knownCollections(['a.b.c']), 'relay.example').name).toBe(
      'known collections (estimated by relay.example/v1/listCollections)',
    )
  })
})

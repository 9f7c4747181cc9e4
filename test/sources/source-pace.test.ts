import { expect, it } from 'vitest'
import {
  type CollectionSource,
  collectionDirectory,
  lexiconGarden,
  type RepoLister,
  relayLister,
  ufos,
} from '../../src/index.ts'
import { startServer } from '../support/http-server.ts'

const collection = 'com.example.thing'

/** A server that asks everyone to come back in an hour. */
const startRefusing = () =>
  startServer((_, response) => {
    response.writeHead(429, { 'retry-after': '3600' }).end()
  })

async function errorOf(asking: Promise<unknown>): Promise<unknown> {
  return asking.then(
    () => undefined,
    (error: unknown) => error,
  )
}

async function read(source: CollectionSource, relays?: readonly RepoLister[]): Promise<void> {
  for await (const _ of source.collections({ relays }));
}

/** What is rejected without a request while the wait lasts. */
const waiting = expect.objectContaining({ message: expect.stringContaining('nothing is sent before') })

const kinds: [string, (origin: string) => CollectionSource][] = [
  ['collectionDirectory', (origin) => collectionDirectory(origin)],
  ['lexiconGarden', (origin) => lexiconGarden({ url: `${origin}/llms.txt` })],
  ['ufos', (origin) => ufos({ url: `${origin}/collections` })],
]

it.each(kinds)('%s on the relay’s server: its wait is the lister’s, and the reverse', async (_, make) => {
  for (const sourceFirst of [true, false]) {
    await using server = await startRefusing()
    const lister = relayLister(server.origin)
    const source = make(server.origin)
    const asks = [
      () => read(source, [relayLister('other.example'), lister]),
      () => lister.listRepos({ collection }),
    ]
    const [first, second] = sourceFirst ? asks : asks.toReversed()
    expect(await errorOf(first?.() as Promise<unknown>)).toMatchObject({
      status: 429,
      retryAfterMs: 3_600_000,
    })
    expect(await errorOf(second?.() as Promise<unknown>)).toEqual(waiting)
    expect(server.requests).toHaveLength(1)
  }
})

it('a relay’s own directory keeps the pace of its lister, whoever reads it', async () => {
  await using server = await startRefusing()
  const lister = relayLister(server.origin)
  await errorOf(read(lister.directory as CollectionSource))
  expect(await errorOf(lister.listRepos({ collection }))).toEqual(waiting)
  expect(server.requests).toHaveLength(1)
})

it('a source on another server is not held up by the relay, nor by what an earlier run was told', async () => {
  await using server = await startRefusing()
  await using other = await startRefusing()
  const lister = relayLister(server.origin)
  await errorOf(lister.listRepos({ collection }))
  expect(await errorOf(read(collectionDirectory(other.origin), [lister]))).toMatchObject({ status: 429 })
  // Another run has a lister of its own, which has been told nothing.
  expect(await errorOf(read(collectionDirectory(server.origin), [relayLister(server.origin)]))).toMatchObject(
    {
      status: 429,
    },
  )
})

it('a lister of one’s own without a pace leaves the source its own', async () => {
  await using server = await startRefusing()
  const source = collectionDirectory(server.origin)
  const lister: RepoLister = { relay: server.origin, listRepos: async () => ({ dids: [] }) }
  expect(await errorOf(read(source, [lister]))).toMatchObject({ status: 429 })
  expect(await errorOf(read(source, [lister]))).toEqual(waiting)
  expect(server.requests).toHaveLength(1)
})

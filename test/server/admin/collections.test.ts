import { describe, expect, it } from 'vitest'
import { startRelay } from '../../../src/testing/index.ts'
import { BROKEN, breaking, PROFILE, startAdmin } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'

const LATER = 'com.example.later'

describe('a collection that is registered', () => {
  it('is read by the run under way, soon and not only at its end', async () => {
    await using parked = await startParkedRelay(3, { collections: { [LATER]: 40 } })
    const { url } = parked.relay
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [url] })
    await admin.ask('POST')
    await parked.parked
    await admin.until(({ completed }) => completed === 1)
    const answer = await admin.ask('POST', `/collections?collection=${LATER}&collection=${PROFILE}`)
    expect(answer).toMatchObject({ status: 200, body: { source: url, collections: 1 } })
    const during = await admin.until(({ completed }) => completed === 2)
    expect(during).toMatchObject({ running: true, total: 3 })
    expect(during.collections.find(({ collection }) => collection === LATER)).toMatchObject({ imported: 40 })
    parked.letGo()
    expect(await admin.until(({ running }) => !running)).toMatchObject({ outcome: 'complete', completed: 3 })
  })

  it('waits for the next run where none is under way, and those who watch see it', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10, [LATER]: 40 } })
    await using admin = await startAdmin({ collections: [PROFILE], allowedRelays: [relay.url] })
    await using events = await admin.events()
    await events.until('snapshot', ({ total }) => total === 0)
    await admin.ask('POST', '/collections?collection=Com.Example.later')
    await events.until('snapshot', ({ collections }) => collections[0]?.collection === LATER)
    expect(await admin.status()).toMatchObject({ running: false, total: 1, pending: 1 })
    await admin.ask('POST')
    expect(await admin.until(({ running }) => !running)).toMatchObject({ outcome: 'complete', completed: 2 })
  })

  it('leaves others that failed as they are', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, [BROKEN]: 20, [LATER]: 40 },
      script: breaking(() => true),
    })
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN], allowedRelays: [relay.url] })
    await admin.ask('POST')
    await admin.until(({ running, failed }) => !running && failed === 1)
    await admin.ask('POST', `/collections?collection=${LATER}`)
    expect(await admin.status()).toMatchObject({ failed: 1, pending: 1 })
  })
})

describe('a collection that is cancelled', () => {
  it('is read no more, while the run goes on with the others, and stays so until it is retried by its name', async () => {
    await using parked = await startParkedRelay(3)
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [relay.url] })
    await admin.ask('POST')
    await parked.parked
    expect((await admin.ask('DELETE', `/collections?collection=${BIG}`)).body).toEqual({
      source: relay.url,
      collections: 1,
    })
    const cancelled = (await admin.status()).collections.find(({ collection }) => collection === BIG)
    expect(cancelled).toMatchObject({
      state: 'failed',
      flags: ['cancelled'],
      imported: 300,
      last_error: 'cancelled',
    })
    parked.letGo()
    const after = await admin.until(({ running }) => !running)
    expect(after).toMatchObject({ outcome: 'incomplete', completed: 1, failed: 1 })
    expect(after.collections.find(({ collection }) => collection === BIG)?.imported).toBe(300)

    await admin.ask('POST')
    expect(await admin.until(({ running }) => !running)).toMatchObject({ completed: 1, failed: 1 })
    expect((await admin.ask('POST', '/retry')).body).toMatchObject({ collections: 0, started: false })
    expect((await admin.ask('POST', '/retry?waiting=true')).body).toMatchObject({ collections: 0 })
    expect((await admin.ask('POST', `/retry?collection=${BIG}`)).body).toMatchObject({ collections: 1 })
    expect(await admin.until(({ outcome }) => outcome === 'complete')).toMatchObject({ completed: 2 })
    const row = (await admin.status()).collections.find(({ collection }) => collection === BIG)
    expect(row).toMatchObject({ state: 'complete', imported: 1_000, flags: [] })
  })

  it('may be one that has not begun; one that is complete stays complete', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10, [LATER]: 40 } })
    await using admin = await startAdmin({ collections: [PROFILE], allowedRelays: [relay.url] })
    await admin.ask('POST', `/collections?collection=${LATER}`)
    expect((await admin.ask('DELETE', `/collections?collection=${LATER}`)).body).toMatchObject({
      collections: 1,
    })
    await admin.ask('POST')
    await admin.until(({ running, completed }) => !running && completed === 1)
    expect((await admin.ask('DELETE', `/collections?collection=${PROFILE}`)).body).toMatchObject({
      collections: 0,
    })
    expect(relay.requestsOf(LATER)).toEqual([])
  })
})

it.each(['POST', 'DELETE'])(
  '%s …/collections refuses what is no NSID, no name, and a relay that is not allowed',
  async (method) => {
    await using admin = await startAdmin({ allowedRelays: ['relay.example.com'] })
    for (const path of ['', '?collection=nonsense', `?collection=${PROFILE}&collection=x`])
      expect((await admin.ask(method, `/collections${path}`)).status).toBe(400)
    expect(
      (await admin.ask(method, `/collections?collection=${PROFILE}&source=other.example.com`)).status,
    ).toBe(400)
    expect((await admin.ask('GET', '/collections')).status).toBe(405)
    expect(
      (await admin.ask(method, `/collections?collection=${PROFILE}`, { authorization: '' })).status,
    ).toBe(401)
  },
)

it('rows of other work than a backfill are not shown', async () => {
  await using admin = await startAdmin({ allowedRelays: ['relay.example.com'] })
  for (const scope of ['import:file:///pairs.csv', 'feed:https://relay.example.com', 'relay.example.com'])
    await admin.progress.register(scope, [{ nsid: PROFILE }])
  const { collections, total } = await admin.status()
  expect(total).toBe(1)
  expect(collections.map(({ source }) => source)).toEqual(['relay.example.com'])
})

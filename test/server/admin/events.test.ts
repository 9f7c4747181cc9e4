import { describe, expect, it } from 'vitest'
import { knownCollections } from '../../../src/index.ts'
import { memoryIndexSink } from '../../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { type RelayScript, startRelay } from '../../../src/testing/index.ts'
import {
  BROKEN,
  backfillerOf,
  type EventReader,
  PROFILE,
  type ReadEvent,
  startAdmin,
  TOKEN,
} from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'

const namesOf = (events: readonly ReadEvent[]) => events.map(({ name }) => name)

function pagesIn(events: readonly ReadEvent[]): string[] {
  return events.flatMap((event) =>
    event.name === 'page' ? [`${event.data.collection} ${event.data.pages}`] : [],
  )
}

async function ended(reader: EventReader): Promise<ReadEvent[]> {
  const events = await reader.until('totals', ({ running }) => !running)
  return [...events, ...(await reader.until('snapshot'))]
}

describe('the stream of events', () => {
  it('begins with how things are, tells every event with the row as it is then, and ends with the outcome', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 150, [BIG]: 250 } })
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [relay.url] })
    await using reader = await admin.events()
    expect(reader.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const first = await reader.next()
    expect(first.value).toMatchObject({ name: 'snapshot', data: { running: false, collections: [] } })
    await admin.ask('POST')
    const events = await ended(reader)

    expect(pagesIn(events).sort()).toEqual(
      [`${PROFILE} 1`, `${PROFILE} 2`, `${BIG} 1`, `${BIG} 2`, `${BIG} 3`].sort(),
    )
    const last = events.findLast((event) => event.name === 'page' && event.data.collection === BIG)
    expect(last?.data).toEqual({
      relay: relay.url,
      collection: BIG,
      added: expect.any(Number),
      invalid: 0,
      repos: expect.any(Number),
      durationMs: expect.any(Number),
      pages: 3,
      imported: 250,
      completed: true,
      row: {
        collection: BIG,
        source: relay.url,
        imported: 250,
        completed: true,
        state: 'complete',
        pages: 3,
        estimated_repos: null,
        invalid: 0,
        attempts: 0,
        not_before: null,
        owner: null,
        lease_ends_at: null,
        flags: [],
        completed_at: expect.any(String),
        last_error: null,
      },
    })
    const started = events.find((event) => event.name === 'collectionStarted')
    expect(started?.data).toMatchObject({ pages: 0, row: { state: 'running', imported: 0 } })
    expect(new Set(namesOf(events))).toEqual(
      new Set(['snapshot', 'discovered', 'collectionStarted', 'requested', 'page', 'totals']),
    )
    expect(events.at(-1)).toMatchObject({
      name: 'snapshot',
      data: {
        running: false,
        outcome: 'complete',
        completed: 2,
        total_imported: 400,
        history: expect.any(Array),
      },
    })
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
  })

  it('tells of an index that lost collections, as a failure of the index', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const progress = memoryProgressStore()
    const observed = knownCollections([])
    const run = { store: { sink: memoryIndexSink(), progress, observed } }
    await using admin = await startAdmin({
      collections: [PROFILE],
      allowedRelays: [relay.url],
      progress,
      run,
    })
    await backfillerOf(relay.url, progress, [PROFILE], {}).run()
    await using reader = await admin.events()
    await reader.until('snapshot')
    await admin.ask('POST')
    const events = await ended(reader)
    expect(events.find(({ name }) => name === 'indexMissing')?.data).toEqual({
      relay: relay.url,
      collections: [PROFILE],
      failure: expect.objectContaining({ kind: 'index', collection: null, name: null, times: 1 }),
    })
    expect(events.at(-1)?.data).toMatchObject({ outcome: 'complete', run_imported: 10 })
  })

  it('tells what fails, with the failure and the row, and nothing of what the network says breaks a line', async () => {
    const message = 'line one\nevent: page\ndata: {}\n\n\u2028 <script>alert(1)</script>'
    const breaking: RelayScript = ({ collection }) =>
      collection === BROKEN ? { status: 400, body: { error: 'BadRequest', message } } : undefined
    await using relay = await startRelay({ collections: { [PROFILE]: 10, [BROKEN]: 20 }, script: breaking })
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN], allowedRelays: [relay.url] })
    await using reader = await admin.events()
    await reader.until('snapshot')
    await admin.ask('POST')
    const events = await ended(reader)
    const failed = events.filter(({ name }) => name === 'collectionFailed')
    expect(failed.map(({ data }) => data)).toMatchObject([
      {
        collection: BROKEN,
        attempts: 1,
        restart: false,
        error: { code: 'RELAY_STATUS', message: expect.stringContaining('<script>') },
        failure: { kind: 'collection', collection: BROKEN, times: 1, retry_at: null },
        row: { collection: BROKEN, state: 'failed', attempts: 1 },
      },
    ])
    expect(pagesIn(events)).toEqual([`${PROFILE} 1`])
  })

  it('goes on after a lost connection where it was: every page comes once', async () => {
    await using parked = await startParkedRelay(5)
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [relay.url] })
    let seen: ReadEvent[]
    {
      await using reader = await admin.events()
      await reader.until('snapshot')
      await admin.ask('POST')
      seen = await reader.until('page', ({ collection }) => collection === BIG)
    }
    await parked.parked
    parked.letGo()
    await admin.until(({ running }) => !running)

    await using again = await admin.events({ 'last-event-id': seen.at(-1)?.id ?? '' })
    const rest = await ended(again)
    expect(rest[0]?.name).not.toBe('snapshot')
    expect([...pagesIn(seen), ...pagesIn(rest)].sort()).toEqual(
      [
        ...[1, 2].map((page) => `${PROFILE} ${page}`),
        ...Array.from({ length: 11 }, (_, i) => `${BIG} ${i + 1}`),
      ].sort(),
    )
  })

  it('takes the last event from the query as well, and begins anew with an id that it did not give', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 150 } })
    await using admin = await startAdmin({ collections: [PROFILE], allowedRelays: [relay.url] })
    await admin.ask('POST')
    await admin.until(({ running }) => !running)
    await using reader = await admin.events()
    const { value } = await reader.next()
    const id = value?.id ?? ''
    const [token, number] = id.split('-')
    const resumed = await fetch(`${admin.url}/events?last_event_id=${token}-${Number(number) - 1}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    const { value: chunk } = (await resumed.body?.getReader().read()) ?? {}
    expect(new TextDecoder().decode(chunk)).toBe('retry: 2000\n\n')
    for (const unknown of [
      'x',
      `ffffffff-${number}`,
      `${token}-${Number(number) + 1}`,
      `${token}--1`,
      `${token}-`,
      '',
    ]) {
      await using other = await admin.events({ 'last-event-id': unknown })
      expect(await other.next()).toMatchObject({ value: { name: 'snapshot' } })
    }
  })

  it('has a hundred viewers at most, and forgets each that hangs up', async () => {
    await using admin = await startAdmin({})
    // Also where all of them come before the first snapshot is made.
    const asked = await Promise.allSettled(Array.from({ length: 250 }, () => admin.events()))
    const readers = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(readers).toHaveLength(100)
    const refused = await admin.ask('GET', '/events')
    expect(refused).toMatchObject({ status: 503, body: { error: 'TooManyViewers' } })
    expect(refused.headers.get('retry-after')).toBe('10')
    await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()))
    // The server notices when the sockets close; a stream that is granted shows that it has.
    let reader: EventReader | undefined
    while (reader === undefined) reader = await admin.events().catch(() => undefined)
    await reader[Symbol.asyncDispose]()
  })
})

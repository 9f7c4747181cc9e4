import { describe, expect, it } from 'vitest'
import { startOfficialRelay } from '../support/official-relay.ts'
import { ask, pagesOf } from './ask.ts'

const LIKE = 'app.bsky.feed.like'

describe('the relay on the official server library', () => {
  it('serves a collection page by page', async () => {
    await using relay = await startOfficialRelay({ collections: { [LIKE]: 250 } })
    const pages = await pagesOf(relay, LIKE, 100)
    expect(pages.map(({ repos }) => repos.length)).toEqual([100, 100, 50])
    expect(pages.flatMap(({ repos }) => repos.map(({ did }) => did))).toEqual([...relay.dids(LIKE)])
  })

  it.each([
    ['a limit over the maximum', { collection: LIKE, limit: '20000' }],
    ['a limit of 0', { collection: LIKE, limit: '0' }],
    ['a collection that is no NSID', { collection: 'nothing' }],
    ['no collection', {}],
  ])('refuses %s', async (_, query) => {
    await using relay = await startOfficialRelay({ collections: { [LIKE]: 250 } })
    const { status, json } = await ask(relay, query)
    expect([status, json.error]).toEqual([400, 'InvalidRequest'])
  })

  it('refuses to send what the lexicon does not allow', async () => {
    await using relay = await startOfficialRelay({ collections: { [LIKE]: ['no did'] } })
    const { status, json } = await ask(relay, { collection: LIKE })
    expect([status, json.error]).toEqual([500, 'InternalServerError'])
  })

  it('limits the rate, and says so in its headers', async () => {
    const rateLimit = { points: 2, durationMs: 60_000 }
    await using relay = await startOfficialRelay({ collections: { [LIKE]: 5 }, rateLimit })
    const first = await ask(relay, { collection: LIKE })
    expect([first.status, first.headers.get('ratelimit-remaining')]).toEqual([200, '1'])
    await ask(relay, { collection: LIKE })
    const refused = await ask(relay, { collection: LIKE })
    expect([refused.status, refused.json.error]).toEqual([429, 'RateLimitExceeded'])
    const now = Date.now() / 1000
    const header = (name: string) => refused.headers.get(name)
    expect([header('ratelimit-limit'), header('ratelimit-remaining'), header('ratelimit-policy')]).toEqual([
      '2',
      '0',
      '2;w=60',
    ])
    expect(Number(header('retry-after'))).toBeGreaterThan(50)
    // In seconds since 1970.
    expect(Number(header('ratelimit-reset'))).toBeGreaterThan(now + 50)
    expect(Number(header('ratelimit-reset'))).toBeLessThan(now + 61)
  })
})

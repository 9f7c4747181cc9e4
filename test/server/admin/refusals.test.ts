import { describe, expect, it, vi } from 'vitest'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { adminHandler } from '../../../src/server/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { backfillerOf, PROFILE, request, startAdmin, TOKEN } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'

describe('an admin request that is not to be served', () => {
  it('a request without a token, or with a wrong one, is refused, and nothing is started', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const backfill = vi.fn()
    await using admin = await startAdmin({ backfill, allowedRelays: [relay.url] })
    const wrong = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: TOKEN },
      { authorization: `Basic ${btoa(`admin:${TOKEN}`)}` },
      { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Bearer ${TOKEN.toUpperCase()}` },
      { authorization: `Bearer ${TOKEN} ${TOKEN}` },
      { authorization: `Bearer ${'x'.repeat(4_000)}` },
    ]
    const requests = [
      ['POST', ''],
      ['DELETE', ''],
      ['GET', ''],
      ['GET', '/events'],
      ['POST', '/retry'],
    ] as const
    for (const headers of wrong) {
      for (const [method, path] of requests) {
        const response = await fetch(`${admin.url}${path}`, { method, headers })
        expect(response.status).toBe(401)
        expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /)
        expect(await response.json()).toEqual({
          error: 'AuthenticationRequired',
          message: expect.any(String),
        })
      }
    }
    expect(backfill).not.toHaveBeenCalled()
    expect(relay.requests).toEqual([])
  })

  it.each([
    'user:pass@relay.example.com',
    'https://relay.example.com/path',
    'relay.example.com?x=1',
    'relay.example.com#x',
    'file:///etc/passwd',
    'gopher://relay.example.com',
    'relay.example.com:8443',
    'http://relay.example.com',
    'localhost',
    'relay',
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '169.254.169.254',
    '[::1]',
    '[::ffff:169.254.169.254]',
    'metadata.google.internal',
    'printer.local',
    'a.localhost',
    'relay.example.com.',
    'https://relay.example.com.:443/',
    'relay.example.com。',
    'localhost.',
    'a.localhost.',
    'relay.example.com\r\nhost: x',
    // Addresses in their other forms.
    '0177.0.0.1',
    '0x7f000001',
    '127.1',
    '10.1',
    '017700000001',
    '127.0.0.1.',
    '１２７.0.0.1',
    '8.8.8.8',
    '[::]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '[fe80::1]',
    '[fd00::1]',
    '[2001:db8::1]',
    // Names of private networks, and names that stand for their addresses.
    'localhost.localdomain',
    ...['localdomain', 'lan', 'home', 'corp', 'mail', 'intranet', 'private', 'svc', 'test', 'invalid'],
    ...['a.lan', 'a.home', 'A.CORP', 'a.mail', 'a.intranet', 'a.private', 'a.internal', 'a.b.internal'],
    ...['a.svc', 'a.b.svc', 'a.svc.cluster.local', 'kubernetes.default', 'a.kube-system', 'a.consul'],
    ...['a.arpa', 'a.home.arpa', '1.0.0.127.in-addr.arpa', 'a.test', 'a.invalid', 'a.onion', 'a.alt'],
    ...['host.docker.internal', 'fritz.box', 'a.localnet', 'a.domain', 'a.workgroup', 'a.1', 'a.b2', 'a.x'],
    ...['127.0.0.1.nip.io', '10-0-0-1.sslip.io', 'localtest.me', 'a.lvh.me', 'machine.tail1234.ts.net'],
    'a_b.example.com',
    '-a.example.com',
    ' ',
    '',
  ])('a hostile source is refused, and nothing is started: %j', async (source) => {
    const backfill = vi.fn()
    const handler = adminHandler({ token: TOKEN, backfill, progress: memoryProgressStore() })
    const response = await handler(request('POST', `?source=${encodeURIComponent(source)}`))
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      error: 'InvalidRequest',
      message: expect.stringContaining('source'),
    })
    expect(backfill).not.toHaveBeenCalled()
  })

  it.each([
    'relay1.us-east.bsky.network',
    'https://Relay.Example.COM:443/',
    'relay.xn--p1ai',
    'internal.example.com',
    'lan.example.org',
    'home.co',
    '7.example.com',
    'a--b.example.com',
  ])('a public host is no hostile source: %j', async (source) => {
    const backfill = vi.fn()
    const handler = adminHandler({ token: TOKEN, backfill, progress: memoryProgressStore() })
    await handler(request('POST', `?source=${encodeURIComponent(source)}`))
    expect(backfill).toHaveBeenCalled()
  })

  it('a source that is not among those allowed is refused, however it is written; one that is starts', async () => {
    const backfill = vi.fn()
    const allowedRelays = ['relay.example.com', 'http://10.0.0.7:2470']
    const handler = adminHandler({ token: TOKEN, backfill, progress: memoryProgressStore(), allowedRelays })
    for (const source of [
      'other.example.com',
      'http://relay.example.com',
      'http://10.0.0.7',
      'relay.example.com.evil.example',
    ]) {
      expect((await handler(request('POST', `?source=${source}`))).status).toBe(400)
    }
    expect(
      (await handler(request('POST', '?source=relay.example.com&source=relay.example.com'))).status,
    ).toBe(400)
    expect((await handler(request('POST'))).status).toBe(400)
    expect(backfill).not.toHaveBeenCalled()
    await handler(request('POST', '?source=https://RELAY.example.com'))
    await handler(request('POST', '?source=relay.example.com.'))
    await handler(request('POST', '?source=http://10.0.0.7:2470'))
    expect(backfill.mock.calls.map(([{ relay }]) => relay)).toEqual([
      'relay.example.com',
      'relay.example.com',
      'http://10.0.0.7:2470',
    ])
  })

  it.each(['POST', 'DELETE'])('the body of a %s is not read, whatever is in it', async (method) => {
    const backfill = vi.fn()
    const handler = adminHandler({ token: TOKEN, backfill, progress: memoryProgressStore() })
    for (const headers of [request(method).headers, new Headers()]) {
      const pull = vi.fn()
      const body = new ReadableStream({ pull }, { highWaterMark: 0 })
      const options = { method, headers, body, duplex: 'half' } as RequestInit
      await handler(new Request(`${request(method).url}?source=printer.local`, options))
      expect(pull).not.toHaveBeenCalled()
    }
    expect(backfill).not.toHaveBeenCalled()
  })

  it('of two at once one is started and the other answered with 409', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const made = vi.fn()
    const progress = memoryProgressStore()
    await using admin = await startAdmin({
      progress,
      allowedRelays: [relay.url],
      backfill: ({ relay: source, signal, onEvent }) => {
        made()
        return backfillerOf(source, progress, [PROFILE, BIG], { signal, onEvent })
      },
    })
    const answers = await Promise.all(Array.from({ length: 5 }, () => admin.ask('POST')))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409])
    expect(answers.find(({ status }) => status === 409)?.body).toEqual({
      error: 'AlreadyRunning',
      message: expect.stringContaining(relay.url),
    })
    expect(made).toHaveBeenCalledTimes(1)
  })
})

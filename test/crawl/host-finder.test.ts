import { describe, expect, it } from 'vitest'
import { hostReader } from '../../src/crawl/host-address.ts'
import { createHostFinder, type DidOptions } from '../../src/crawl/host-finder.ts'
import { hostRates } from '../../src/crawl/host-rates.ts'
import { RelayError } from '../../src/errors.ts'
import { startNetwork } from '../../src/testing/index.ts'
import { onSteadyClock } from '../support/let-go.ts'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const run = <T>(_signal: AbortSignal | undefined, send: () => Promise<T>) => send()

/** A finder that is answered by a function, and what it was asked for. */
function finderOn(answer: (url: string) => Response, options: DidOptions = {}, allowHosts: string[] = []) {
  const asked: string[] = []
  const fetch: typeof globalThis.fetch = async (input) => {
    const { url } = new Request(input)
    asked.push(url)
    return answer(url)
  }
  const parts = {
    http: { fetch },
    readHost: hostReader({ allowHosts }),
    rates: hostRates(fetch),
    askHost: () => run,
  }
  const finder = createHostFinder({ plcRequestsPerSecond: 1000, ...options }, parts)
  return { asked, find: (did: string) => finder.find(did, undefined), forget: finder.forget }
}

const service = (serviceEndpoint: unknown, id = '#atproto_pds') => [
  { id, type: 'AtprotoPersonalDataServer', serviceEndpoint },
]
const document = (id: string, endpoint: unknown = 'https://pds.example') => ({
  id,
  alsoKnownAs: ['at://alice.example'],
  service: service(endpoint),
})
const found = (host = 'pds.example') => ({
  state: 'found',
  host,
  origin: `https://${host}`,
  handle: 'alice.example',
})

describe('the host of a did:plc', () => {
  it('is asked of plc.directory, once', async () => {
    const { asked, find, forget } = finderOn(() => Response.json(document(DID)))
    expect(await find(DID)).toEqual(found())
    expect(await find(DID)).toEqual(found())
    expect(asked).toEqual([`https://plc.directory/${DID}`])
    forget(DID)
    await find(DID)
    expect(asked).toHaveLength(2)
  })

  it('is asked of it at one pace by all that have the same rates, whatever makes their requests', async () => {
    const rates = hostRates(async () => new Response())
    const letGo: number[] = []
    const dids = ['a', 'b', 'c', 'd'].map((letter) => `did:plc:${letter.repeat(24)}`)
    const finders = [1, 2].map(() => {
      // As Bun and Deno have it: one for each run, which looks names up before.
      const fetch: typeof globalThis.fetch = async (input) => {
        letGo.push(performance.now())
        return Response.json(document(new Request(input).url.slice(-32)))
      }
      const parts = { http: { fetch }, readHost: hostReader(), rates, askHost: () => run }
      return createHostFinder({ plcRequestsPerSecond: 20 }, parts)
    })
    const find = async () =>
      Promise.all(finders.flatMap((finder) => dids.map((did) => finder.find(did, undefined))))
    expect(await onSteadyClock(find)).toEqual(Array.from({ length: 8 }, () => found()))
    const gaps = letGo.slice(1).map((at, i) => at - (letGo[i] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(50)
  })

  it('is asked of another directory where one is given', async () => {
    const { asked, find } = finderOn(() => Response.json(document(DID)), {
      plc: 'https://plc.mirror.example',
    })
    await find(DID)
    expect(asked).toEqual([`https://plc.mirror.example/${DID}`])
  })

  it.each([
    [410, 'deleted'],
    [404, 'notFound'],
  ])('is none where the directory answers %i: %s', async (status, state) => {
    const { find } = finderOn(() => Response.json({ message: 'no' }, { status }))
    expect(await find(DID)).toMatchObject({ state })
  })

  it.each([429, 500, 503])('is not known where it answers %i', async (status) => {
    const { find } = finderOn(() => new Response('', { status }))
    await expect(find(DID)).rejects.toMatchObject({ code: 'RELAY_STATUS', status, retryable: true })
  })

  it.each([
    'did:plc:short',
    'did:plc:AAAAAAAAAAAAAAAAAAAAAAAA',
    'did:plc:aaaaaaaaaaaaaaaaaaaaaaa1',
    'did:plc:..%2F',
  ])('is not asked for where it is no did:plc: %s', async (did) => {
    const { asked, find } = finderOn(() => Response.json({}))
    expect(await find(did)).toMatchObject({ state: 'invalid' })
    expect(asked).toEqual([])
  })
})

describe('the host of a did:web', () => {
  it('is in the document of its own host', async () => {
    const did = 'did:web:alice.example'
    const { asked, find } = finderOn(() => Response.json(document(did)))
    expect(await find(did)).toEqual(found())
    expect(asked).toEqual(['https://alice.example/.well-known/did.json'])
  })

  it.each([
    'did:web:alice.example:path',
    'did:web:alice.example%3A8443',
    'did:web:localhost',
    'did:web:127.0.0.1',
    'did:web:169.254.169.254',
    'did:web:alice.example%2Fpath',
    'did:key:zQ3sh',
    'no did',
  ])('is not asked for where atproto or we do not allow it: %s', async (did) => {
    const { asked, find } = finderOn(() => Response.json(document(did)))
    expect(await find(did)).toMatchObject({ state: 'invalid' })
    expect(asked).toEqual([])
  })

  it('may have a port on a machine that is allowed by name', async () => {
    const did = 'did:web:localhost%3A2583'
    const { asked, find } = finderOn(() => Response.json(document(did)), {}, ['localhost'])
    expect(await find(did)).toEqual(found())
    expect(asked).toEqual(['http://localhost:2583/.well-known/did.json'])
  })

  it('is none where its host has no document, and not known where the host is down', async () => {
    const statuses = [404, 502]
    const { find, forget } = finderOn(() => new Response('', { status: statuses.shift() ?? 0 }))
    expect(await find('did:web:alice.example')).toMatchObject({ state: 'notFound' })
    forget('did:web:alice.example')
    await expect(find('did:web:alice.example')).rejects.toBeInstanceOf(RelayError)
  })
})

describe('a document', () => {
  it.each<[string, unknown]>([
    ['of another DID', document(`${DID.slice(0, -1)}b`)],
    ['that is a list', []],
    ['that is null', null],
    ['whose host has a path', document(DID, 'https://pds.example/xrpc')],
    ['whose host has credentials', document(DID, 'https://user:secret@pds.example')],
    ['whose host is a private one', document(DID, 'https://10.0.0.1')],
    ['whose host is asked without TLS', document(DID, 'http://pds.example')],
    ['whose host is no text', document(DID, { uri: 'https://pds.example' })],
  ])('%s is not believed', async (_, given) => {
    const { find } = finderOn(() => Response.json(given))
    const resolved = await find(DID)
    expect(resolved).toMatchObject({ state: 'invalid' })
    expect(JSON.stringify(resolved)).not.toContain('secret')
  })

  it.each<[string, unknown]>([
    ['services', { id: DID }],
    ['a service of a host', { id: DID, service: service('https://pds.example', '#other') }],
    ['a service of that type', { id: DID, service: [{ id: '#atproto_pds', type: 'Other' }] }],
    ['services that are objects', { id: DID, service: [null, 7, 'x'] }],
  ])('without %s names no host', async (_, given) => {
    const { find } = finderOn(() => Response.json(given))
    expect(await find(DID)).toMatchObject({ state: 'noHost' })
  })

  it('may name its service by the whole DID, and needs no handle', async () => {
    const { find } = finderOn(() =>
      Response.json({
        id: DID,
        alsoKnownAs: ['at://no handle'],
        service: service('https://pds.example', `${DID}#atproto_pds`),
      }),
    )
    expect(await find(DID)).toEqual({ ...found(), handle: undefined })
  })

  it('that is not JSON, or too long, is an error of the directory', async () => {
    const bodies = ['<html>', `{"id":"${'x'.repeat(70_000)}"}`]
    const { find } = finderOn(() => new Response(bodies.shift()))
    await expect(find(DID)).rejects.toMatchObject({ code: 'RELAY_BAD_ANSWER' })
    await expect(find(DID)).rejects.toMatchObject({ code: 'RELAY_BAD_ANSWER' })
  })
})

describe('a resolver that is given', () => {
  it('is asked instead, and its documents are checked too', async () => {
    const documents: unknown[] = [document(DID), null, document('did:plc:other'), undefined]
    const resolver = { resolve: async () => documents.shift() }
    const { asked, find, forget } = finderOn(() => Response.json({}), { resolver })
    const states: unknown[] = []
    for (let i = 0; i < 4; i += 1) {
      states.push((await find(DID)).state)
      forget(DID)
    }
    expect(states).toEqual(['found', 'notFound', 'invalid', 'notFound'])
    expect(asked).toEqual([])
  })

  it('may reject with the error of a document that is not found, of one that is gone, and with others', async () => {
    const errors = [{ name: 'DocumentNotFoundError' }, { status: 410 }, {}].map((fields) =>
      Object.assign(new Error('down'), fields),
    )
    const resolver = { resolve: () => Promise.reject(errors.shift()) }
    const { find, forget } = finderOn(() => Response.json({}), { resolver })
    expect(await find(DID)).toMatchObject({ state: 'notFound' })
    forget(DID)
    expect(await find(DID)).toMatchObject({ state: 'deleted' })
    forget(DID)
    await expect(find(DID)).rejects.toThrow('down')
  })

  it('may be that of @atproto/identity', async () => {
    const { DidResolver } = await import('@atproto/identity')
    await using network = await startNetwork({ hosts: [{ name: 'pds.example', repos: 2 }] })
    const [alice, bob] = [...network.accounts()]
    network.set({ did: bob?.did ?? '', host: 'pds.example', state: 'tombstoned' })
    const { find } = finderOn(() => Response.json({}), {
      resolver: new DidResolver({ fetch: network.fetch }),
    })
    expect(await find(alice?.did ?? '')).toMatchObject({ state: 'found', host: 'pds.example' })
    expect(await find(bob?.did ?? '')).toMatchObject({ state: 'deleted' })
    expect(await find('did:plc:bbbbbbbbbbbbbbbbbbbbbbbb')).toMatchObject({ state: 'notFound' })
  })
})

import { isValidDid, isValidHandle, isValidTid } from '@atproto/syntax'
import { describe, expect, it } from 'vitest'
import { startNetwork, type TestNetwork } from '../../src/testing/index.ts'

const POST = 'app.bsky.feed.post'
const STATES = { deactivated: 0.1, suspended: 0.1, takendown: 0.1, deleted: 0.1, tombstoned: 0.1 }
const GROUP = { name: 'pds-#.example.net', count: 5, repos: (place: number) => 20 * place }

async function get(network: TestNetwork, url: string) {
  const response = await network.fetch(url)
  const text = await response.text()
  const json = text.startsWith('{') ? JSON.parse(text) : undefined
  return { status: response.status, headers: response.headers, text, json }
}

/** What every page of a list holds. */
async function listed<T>(network: TestNetwork, url: string, list: string): Promise<T[]> {
  const entries: T[] = []
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const { json } = await get(network, `${url}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    entries.push(...json[list])
    cursor = json.cursor
  }
  return entries
}

interface Listed {
  did: string
  active?: boolean
  status?: string
}

const xrpc = (host: string, method: string) => `https://${host}/xrpc/com.atproto.${method}`

describe('the hosts of a test network', () => {
  it('list the repos that they were generated with, with their commits and states', async () => {
    await using network = await startNetwork({ hosts: [GROUP], states: STATES })
    const [first = '', second = '', ...more] = network.hosts
    expect([first, second, ...more]).toEqual([1, 2, 3, 4, 5].map((i) => `pds-${i}.example.net`))
    const page = (host: string) => listed<Listed>(network, xrpc(host, 'sync.listRepos?limit=7'), 'repos')
    expect(await page(first)).toEqual([])
    const repos = await page(more[2] ?? '')
    const accounts = [...network.accounts(more[2])]
    expect(repos.map(({ did }) => did)).toEqual(accounts.map(({ did }) => did))
    expect(new Set(repos.map(({ active, status }) => status ?? active))).toEqual(
      new Set([true, 'deactivated', 'suspended', 'takendown']),
    )
    for (const repo of repos) {
      expect(isValidDid(repo.did)).toBe(true)
      expect(repo).toMatchObject({ head: expect.stringMatching(/^bafyrei[a-z2-7]{52}$/) })
      expect(isValidTid(Object(repo).rev)).toBe(true)
    }
  })

  it('describe each repo as the account is, and refuse those that they do not serve', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example', repos: 60 }], states: STATES })
    const states = new Set<string>()
    for (const { did, state, collections } of network.accounts()) {
      const { status, json } = await get(network, xrpc('pds.example', `repo.describeRepo?repo=${did}`))
      states.add(state)
      if (state === 'active') {
        expect(json).toMatchObject({ did, collections, handleIsCorrect: true, didDoc: { id: did } })
        expect(isValidHandle(json.handle)).toBe(true)
      } else expect([status, json.error.toLowerCase()]).toEqual([400, `repo${state}`])
    }
    expect(states.size).toBe(4)
    const unknown = await get(network, xrpc('pds.example', 'repo.describeRepo?repo=did:plc:unknown'))
    expect(unknown.json.error).toBe('RepoNotFound')
  })

  it('tell the status of an account, and know nothing of one that was deleted', async () => {
    const did = 'did:web:alice.example'
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example' }, { name: 'new.example' }],
      accounts: [{ did, host: 'pds.example', state: 'suspended' }],
    })
    const status = (host: string) => get(network, xrpc(host, `sync.getRepoStatus?did=${did}`))
    expect((await status('pds.example')).json).toEqual({ did, active: false, status: 'suspended' })
    network.set({ did, host: 'new.example', collections: [POST] })
    expect((await status('new.example')).json).toMatchObject({ did, active: true })
    expect((await status('pds.example')).json).toEqual({ did, active: false, status: 'deactivated' })
    const repos = await listed<Listed>(network, xrpc('pds.example', 'sync.listRepos?limit=9'), 'repos')
    expect(repos).toMatchObject([{ did, active: false, status: 'deactivated' }])
    expect([...network.dids(POST)]).toEqual([did])
    network.set({ did, host: 'new.example', state: 'deleted' })
    expect((await status('new.example')).json.error).toBe('RepoNotFound')
  })

  it('list their repos in another order once their database is built anew', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example', repos: 100 }] })
    const dids = async () =>
      (await listed<Listed>(network, xrpc('pds.example', 'sync.listRepos?limit=30'), 'repos')).map(
        ({ did }) => did,
      )
    const before = await dids()
    network.rebuild('pds.example')
    const after = await dids()
    expect(after).not.toEqual(before)
    expect(after.toSorted()).toEqual(before.toSorted())
  })

  it('have DID documents, at the directory or at the name of a did:web, that are gone with a tombstone', async () => {
    const [plc, web] = ['did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', 'did:web:alice.example']
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example', repos: 1 }],
      accounts: [
        { did: plc, host: 'pds.example' },
        { did: web, host: 'pds.example' },
      ],
    })
    const service = [{ id: '#atproto_pds', serviceEndpoint: 'https://pds.example' }]
    expect((await get(network, `https://plc.directory/${plc}`)).json).toMatchObject({ id: plc, service })
    expect((await get(network, `${network.url}/${plc}`)).json).toMatchObject({ id: plc, service })
    expect((await get(network, 'https://alice.example/.well-known/did.json')).json).toMatchObject({
      id: web,
      service,
    })
    expect((await get(network, 'https://bob.example/.well-known/did.json')).status).toBe(404)
    network.set({ did: plc, host: 'pds.example', state: 'tombstoned' })
    expect((await get(network, `https://plc.directory/${plc}`)).status).toBe(410)
    expect((await get(network, 'https://plc.directory/did:plc:bbbbbbbbbbbbbbbbbbbbbbbb')).status).toBe(404)
    expect(network.asked('plc').requests).toBe(4)
  })

  it('have addresses of their own where they are asked for, without any help of the client', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#', count: 300, repos: 2 }],
      addresses: true,
    })
    const host = network.hosts[299] ?? ''
    expect(host).toMatch(/^127\.1\.1\.43:\d+$/)
    const response = await fetch(`${network.endpointOf(host)}/xrpc/com.atproto.sync.listRepos`)
    const { repos } = await response.json()
    expect(repos.map(({ did }: Listed) => did)).toEqual([...network.accounts(host)].map(({ did }) => did))
    const document = await fetch(`${network.url}/${repos[0].did}`).then((answer) => answer.json())
    expect(document.service[0].serviceEndpoint).toBe(`http://${host}`)
  })
})

describe('how hosts behave', () => {
  it('a limit is counted for each host, and answered in plain HTML or with headers', async () => {
    const limit = { requests: 2, windowMs: 60_000 }
    await using network = await startNetwork({
      hosts: [
        { name: 'a#.example', count: 2, limit },
        { name: 'b.example', limit: { ...limit, headers: true } },
      ],
    })
    const ask = (host: string) => get(network, xrpc(host, 'sync.listRepos'))
    for (const host of ['a1.example', 'a2.example', 'b.example']) {
      expect([(await ask(host)).status, (await ask(host)).status]).toEqual([200, 200])
    }
    const plain = await ask('a1.example')
    expect([plain.status, plain.headers.get('content-type'), plain.headers.get('retry-after')]).toEqual([
      429,
      'text/html',
      null,
    ])
    const told = await ask('b.example')
    expect([told.status, told.json.error, told.headers.get('retry-after')]).toEqual([
      429,
      'RateLimitExceeded',
      '60',
    ])
    expect(network.asked('a1.example')).toMatchObject({ requests: 3, refused: 1 })
    expect(network.askedGroup('a#.example')).toMatchObject({ requests: 5, refused: 1 })
  })

  it('a limit may be shared by a group, and ends with its span of time', async () => {
    const limit = { requests: 1, windowMs: 1, shared: true }
    await using network = await startNetwork({ hosts: [{ name: 'a#.example', count: 2, limit }] })
    network.change('a2.example', { limit: { ...limit, windowMs: 60_000 } })
    expect((await get(network, xrpc('a2.example', 'sync.listRepos'))).status).toBe(200)
    expect((await get(network, xrpc('a1.example', 'sync.listRepos'))).status).toBe(429)
    network.change('a1.example', { limit: undefined })
    expect((await get(network, xrpc('a1.example', 'sync.listRepos'))).status).toBe(200)
  })

  it('a host is down by itself or behind a proxy, and comes back', async () => {
    await using network = await startNetwork({
      hosts: [
        { name: 'down.example', down: true },
        { name: 'proxied.example', down: 522 },
      ],
    })
    await expect(get(network, xrpc('down.example', 'sync.listRepos'))).rejects.toThrow()
    expect((await get(network, xrpc('proxied.example', 'sync.listRepos'))).status).toBe(522)
    network.change('down.example', { down: false })
    expect((await get(network, xrpc('down.example', 'sync.listRepos'))).status).toBe(200)
  })

  it('a script sees each request, and answers in its place', async () => {
    const seen: unknown[] = []
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example', repos: 3 }],
      script: ({ host, path, did }) => {
        seen.push([host, path, did])
        return path.endsWith('describeRepo') ? { status: 500 } : undefined
      },
    })
    expect((await get(network, xrpc('pds.example', 'repo.describeRepo?repo=did:plc:a'))).status).toBe(500)
    expect(seen).toEqual([['pds.example', '/xrpc/com.atproto.repo.describeRepo', 'did:plc:a']])
  })

  it('the books tell the busiest time of a host', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example' }] })
    for (let i = 0; i < 4; i += 1) await get(network, xrpc('pds.example', 'sync.listRepos'))
    const { requests, times, busiest, paths } = network.asked('pds.example')
    expect([requests, times.length, busiest(60_000)]).toEqual([4, 4, 4])
    expect(paths).toEqual({ '/xrpc/com.atproto.sync.listRepos': 4 })
    expect(busiest(((times[3] ?? 0) - (times[0] ?? 0)) / 2 + 1e-9)).toBeLessThan(4)
  })
})

describe('the relay of a test network', () => {
  const hosts = [
    { name: 'pds-#.example.net', count: 4, repos: 50 },
    { name: 'm#.host.bsky.network', count: 2, repos: 100 },
  ]
  const dids = (repos: Listed[]) => repos.map(({ did }) => did).toSorted()

  it('lists hosts and the repos of all of them with their states', async () => {
    await using network = await startNetwork({ hosts, states: STATES })
    const listedHosts = await listed<{ hostname: string }>(
      network,
      `${network.url}/xrpc/com.atproto.sync.listHosts?limit=4`,
      'hosts',
    )
    expect(listedHosts.map(({ hostname }) => hostname)).toEqual(network.hosts)
    const repos = await listed<Listed>(
      network,
      `${network.url}/xrpc/com.atproto.sync.listRepos?limit=99`,
      'repos',
    )
    expect(repos).toHaveLength(400)
    const states = repos.map(({ did, active, status }) =>
      [network.account(did)?.state, active, status].join(),
    )
    expect(new Set(states)).toEqual(
      new Set([
        'active,true,',
        'deactivated,false,deactivated',
        'suspended,false,suspended',
        'takendown,false,takendown',
        'deleted,false,deleted',
        'tombstoned,false,deleted',
      ]),
    )
  })

  it('lists by collection what its hosts hold, with ghosts and states where told to', async () => {
    await using network = await startNetwork({ hosts, states: STATES })
    const byCollection = () =>
      listed<Listed>(
        network,
        `${network.url}/xrpc/com.atproto.sync.listReposByCollection?limit=9&collection=${POST}`,
        'repos',
      )
    expect(dids(await byCollection())).toEqual([...network.dids(POST)].toSorted())
    network.relay.lists = 'marked'
    const marked = await byCollection()
    expect(dids(marked.filter(({ active }) => active))).toEqual([...network.dids(POST)].toSorted())
    network.relay.lists = 'all'
    expect(dids(await byCollection())).toEqual(dids(marked))
    network.relay.knows = (host) => host.endsWith('.host.bsky.network')
    network.relay.lists = 'active'
    const known = network.hostsOf('m#.host.bsky.network').flatMap((host) => [...network.dids(POST, host)])
    expect(dids(await byCollection())).toEqual(known.toSorted())
  })

  it('lacks accounts by accident, and knows their state where it did not forget them', async () => {
    await using network = await startNetwork({ hosts, relay: { lacks: 0.5 } })
    const repos = await listed<Listed>(
      network,
      `${network.url}/xrpc/com.atproto.sync.listRepos?limit=99`,
      'repos',
    )
    expect(repos.length).toBeGreaterThan(150)
    expect(repos.length).toBeLessThan(250)
    const names = new Set(dids(repos))
    const lacking = [...network.accounts()].find(({ did }) => !names.has(did))
    const status = () =>
      get(network, `${network.url}/xrpc/com.atproto.sync.getRepoStatus?did=${lacking?.did}`)
    expect((await status()).json).toMatchObject({ active: true })
    network.relay.forgets = true
    expect((await status()).json.error).toBe('RepoNotFound')
  })

  it('may pass for a host', async () => {
    await using network = await startNetwork({ hosts: [...hosts, { name: 'relay.example', relay: true }] })
    const repos = await listed<Listed>(network, xrpc('relay.example', 'sync.listRepos?limit=1000'), 'repos')
    expect(repos).toHaveLength(400)
    expect(
      (await get(network, xrpc('relay.example', `repo.describeRepo?repo=${repos[0]?.did}`))).status,
    ).toBe(404)
  })
})

it('a network of thousands of hosts and millions of repos takes no memory for them', async () => {
  const before = process.memoryUsage().rss
  await using network = await startNetwork({
    hosts: [{ name: 'pds-#.example.net', count: 3000, repos: 10_000 }],
  })
  const host = network.hosts[2999] ?? ''
  const { json } = await get(network, xrpc(host, 'sync.listRepos?limit=3&cursor=9990'))
  expect(json.repos).toHaveLength(3)
  expect(network.account(json.repos[0].did)?.host).toBe(host)
  expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000)
})

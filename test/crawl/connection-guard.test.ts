import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { guardConnections, guardedFetch } from '../../src/crawl/connection-guard.ts'

let requests = 0
const server = createServer((_, response) => {
  requests += 1
  response.setHeader('connection', 'close').end('answer')
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, resolve)))
afterAll(() => new Promise((resolve) => server.close(resolve)))

const ask = () => fetch(`http://localhost:${(server.address() as AddressInfo).port}/`)

it('a guarded name that leads to a private address gets no request, and others do', async () => {
  const end = guardConnections((hostname) => hostname === 'localhost')
  await expect(ask()).rejects.toMatchObject({
    cause: {
      message: expect.stringMatching(
        /^localhost leads to (127\.0\.0\.1|::1|::ffff:127\.0\.0\.1), an address/,
      ),
    },
  })
  expect(requests).toBe(0)
  end()
  const endOther = guardConnections((hostname) => hostname === 'pds.example')
  expect(await (await ask()).text()).toBe('answer')
  endOther()
})

describe('the fetch of runtimes that do not tell what they connect to', () => {
  const addresses: Record<string, string[]> = {
    'public.example': ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
    'inside.example': ['93.184.215.14', '10.0.0.7'],
    'metadata.example': ['fe80::1%eth0'],
  }
  const lookedUp: string[] = []
  const asked: string[] = []
  const guarded = guardedFetch((hostname) => hostname !== 'mine.internal', {
    async lookUp(hostname) {
      lookedUp.push(hostname)
      const found = addresses[hostname]
      if (found === undefined) throw new Error(`no address of ${hostname}`)
      return found
    },
    async fetch(input) {
      asked.push(new Request(input).url)
      return new Response('answer')
    },
  })

  it('asks a guarded name at public addresses alone, by one look-up for many requests', async () => {
    for (const path of ['a', 'b', 'c']) await guarded?.(`https://public.example/${path}`)
    await guarded?.(new Request('http://mine.internal/'))
    await guarded?.(new URL('https://unknown.example/'))
    expect(asked).toHaveLength(5)
    expect(lookedUp).toEqual(['public.example', 'unknown.example'])
  })

  it('believes no name whose look-up failed', async () => {
    await guarded?.('https://late.example/')
    addresses['late.example'] = ['127.0.0.1']
    await expect(guarded?.('https://late.example/')).rejects.toThrow('an address of a private network')
  })

  it.each(['inside.example', 'metadata.example'])('sends nothing to %s, which leads inside', async (name) => {
    await expect(guarded?.(`https://${name}/`)).rejects.toThrow('an address of a private network')
    expect(asked.filter((url) => url.includes(name))).toEqual([])
  })

  it('is the own one in Node, where connections are guarded', () => {
    expect(guardedFetch(() => true)).toBe(undefined)
  })
})

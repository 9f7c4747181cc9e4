import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { guardConnections } from '../../src/crawl/connection-guard.ts'

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

import { expect, it } from 'vitest'
import { hostsOf } from '../../src/index.ts'

/** A relay whose list of hosts has no end, a thousand a page. */
const endless: typeof globalThis.fetch = async (input) => {
  const { url } = new Request(input)
  const page = Number(new URL(url).searchParams.get('cursor') ?? 0)
  const hosts = Array.from({ length: 1_000 }, (_, i) => ({ hostname: `pds-${page * 1_000 + i}.example` }))
  return Response.json({ hosts, cursor: String(page + 1) })
}

it('a list of hosts that is longer than is read ends with an error, behind the hosts that were read', async () => {
  let hosts = 0
  const read = async () => {
    for await (const _ of hostsOf('relay.example', { fetch: endless }).hosts()) hosts += 1
  }
  await expect(read()).rejects.toMatchObject({
    code: 'RELAY_BAD_ANSWER',
    retryable: false,
    message: 'relay.example lists more than 100000 hosts; the rest of its list was not read.',
  })
  expect(hosts).toBe(100_000)
})

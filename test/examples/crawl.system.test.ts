import { expect, it } from 'vitest'
import { startNetwork } from '../../src/testing/index.ts'
import { createPostgres } from '../support/databases.ts'
import { runExample } from './run-example.ts'

it('crawl.ts reads the hosts of a list, and says what it leaves out', async () => {
  await using network = await startNetwork({
    hosts: [
      { name: 'pds-#', count: 2, repos: 6 },
      { name: 'relay', relay: true },
    ],
    addresses: true,
  })
  await using database = await createPostgres()
  const env = { RELAY: network.url, ALLOW_HOSTS: '127.*', DATABASE_URL: database.url }
  const { code, stdout, stderr } = await runExample('crawl.ts', { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^3 hosts, \d+ accounts$/m)
  expect(stdout).toMatch(/^left out: http:\S+ is a relay: it lists hosts$/m)
  expect(stdout).toMatch(/completed: 2,\s+described: 12,/)
})

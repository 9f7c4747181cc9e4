import { expect, it } from 'vitest'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { createPostgres } from '../support/databases.ts'
import { differences, NONE, PROFILE, pageCount } from '../support/e2e.ts'
import { startBackfillProcess } from '../support/e2e-process.ts'
import { gate } from '../support/scripted-lister.ts'

const PAGE = 100
const walked = Object.fromEntries(
  Array.from({ length: 24 }, (_, i) => [`com.example.shared.n${i}`, (i * 137) % 1_100]),
)

it('two processes at once on one empty database share the collections, and each is walked once', async () => {
  await using postgres = await createPostgres()
  const both = gate()
  const asking = new Set<unknown>()
  await using relay = await startRelay({
    collections: { [PROFILE]: 1, ...walked },
    // No page is answered before both ask for one, so neither process can do everything alone.
    script: async ({ collection, headers }) => {
      if (collection === PROFILE) return undefined
      asking.add(headers['user-agent'])
      if (asking.size === 2) both.pass()
      await both.wait()
      return undefined
    },
  })
  const start = (name: string) =>
    startBackfillProcess({
      name,
      databaseUrl: postgres.url,
      relayUrl: relay.url,
      collections: Object.keys(walked),
      pageSize: PAGE,
      leaseMs: 60_000,
      concurrency: 3,
    })
  await using one = start('one')
  await using other = start('other')
  const results = await Promise.all([one.finish(), other.finish()])

  expect(results.map(({ code }) => code)).toEqual([0, 0])
  const names = Object.keys(walked)
  const shares = [one, other].map(({ lines }) =>
    lines.flatMap((line) => (line.event === 'started' ? [line.collection] : [])),
  )
  for (const share of shares) expect(share.length).toBeGreaterThan(0)
  expect(shares.flat().sort()).toEqual([...names].sort())

  const asked = relay.requests.filter(({ collection }) => collection !== PROFILE)
  // Nothing twice, but for the first page before the end of several.
  const again = asked.filter(({ attempt }) => attempt > 1)
  const several = names.filter((nsid) => pageCount(relay.size(nsid), PAGE) > 1)
  expect(again.map(({ collection, cursor }) => [collection, cursor]).toSorted()).toEqual(
    several.toSorted().map((nsid) => [nsid, undefined]),
  )
  const pages = names.reduce((sum, nsid) => sum + pageCount(relay.size(nsid), PAGE), 0)
  expect(asked).toHaveLength(pages + several.length)

  const total = names.reduce((sum, nsid) => sum + relay.size(nsid), 0)
  const summed = (count: 'imported' | 'added' | 'completed') =>
    results.reduce((sum, { summary }) => sum + (summary?.[count] ?? 0), 0)
  expect([summed('imported'), summed('added'), summed('completed')]).toEqual([total, total, names.length])

  const rows = await kyselyProgressStore(postgres.db).list()
  expect(rows.map(({ collection, state, imported }) => [collection, state, imported])).toEqual(
    [...names].sort().map((nsid) => [nsid, 'complete', relay.size(nsid)]),
  )
  const held = { ...relay, collections: names }
  expect(await differences(postgres.db, held)).toEqual(NONE)
})

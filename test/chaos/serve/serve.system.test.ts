import { expect, it } from 'vitest'
import { CLI } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { runServeScene } from './serve-scene.ts'

const options = { program: CLI, kills: 3, seed: 7, repos: 2_000 }

it('serve on a file, killed on the way, holds in the end what relay and feed have said', {
  timeout: 120_000,
}, async () => {
  const report = await runServeScene({ ...options, instances: 1 })
  expect(report).toMatchObject({ missing: [], surplus: [] })
  expect(report.killedAfterMs).toHaveLength(3)
  expect(report.live.backlogGone).toBeGreaterThan(0)
})

it('two instances on one Postgres do so, of which one follows the feed', { timeout: 120_000 }, async () => {
  await using postgres = await createPostgres()
  const report = await runServeScene({ ...options, instances: 2, databaseUrl: postgres.url })
  expect(report).toMatchObject({ missing: [], surplus: [] })
  expect(report.live.deletedAccounts).toBeGreaterThan(0)
})

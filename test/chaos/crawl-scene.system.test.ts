import { expect, it } from 'vitest'
import { createPostgres } from '../support/databases.ts'
import { CRAWL_SCENE, runCrawlScene } from './crawl-scene.ts'

it('three processes that are killed and stopped crawl a network of hosts, and bring what the hosts hold', {
  timeout: 180_000,
}, async () => {
  await using postgres = await createPostgres()
  const scene = {
    ...CRAWL_SCENE,
    hosts: 60,
    repos: 1_200,
    concurrency: 6,
    pageSize: 20,
    disturbEveryMs: 3_000,
  }
  const { signal } = new AbortController()
  const report = await runCrawlScene(scene, { databaseUrl: postgres.url, signal, say: () => {} })
  expect(report.broken).toEqual([])
  expect(report.pairsHeld).toBe(report.pairsExpected)
  expect(report.kills).toBeGreaterThan(0)
})

import { expect, test } from 'vitest'
import { otherWorkLines, otherWorkOf } from '../../../src/cli/output/work-text.ts'
import type { CollectionProgress } from '../../../src/contracts/collection-progress.ts'

function row(relay: string, more: Partial<CollectionProgress> = {}): CollectionProgress {
  const untouched = { pages: 0, imported: 0, invalid: 0, attempts: 0, flags: [] }
  return { relay, collection: 'x', state: 'pending', ...untouched, ...more }
}

test('each scope that holds work or a claim has a line, collections and hosts have none', () => {
  const rows = [
    row('relay.example'),
    row('crawl:', { collection: 'pds.example' }),
    row('feed:wss://relay.example', { state: 'running', cursor: '4711', imported: 12_345 }),
    row('prune:relay.example', { state: 'running', cursor: 'com.example.a did:web:a.example' }),
    row('import:file:///data/pairs.csv', { cursor: '{}', imported: 20_000, invalid: 2 }),
    row('index:file:///data/dids.txt', { state: 'failed', lastError: 'it\nsaid no' }),
    row('index:sha256:00', { retryInMs: 90_000 }),
  ]
  expect(otherWorkLines(otherWorkOf(rows))).toEqual([
    'feed of wss://relay.example: running, 12,345 imported, read up to 4711',
    'prune by relay.example: running, accounts looked up to com.example.a did:web:a.example',
    'import of /data/pairs.csv: pending, 20,000 pairs imported, 2 invalid lines',
    'index of /data/dids.txt: failed: it said no',
    'index of sha256:00: pending, again in 1m 30s',
  ])
})

test('what is done has no line but a prune, whose time tells when the next one is due; few lines in all', () => {
  const completedAt = new Date('2026-01-02T03:04:05Z')
  const done = (relay: string) => row(relay, { state: 'complete', completedAt })
  const [prune, ...none] = otherWorkLines(
    otherWorkOf([done('import:file:///a'), done('prune:relay.example')]),
  )
  expect(prune).toMatch(/^prune by relay\.example: complete since 2 Jan, /)
  expect(none).toEqual([])
  const many = Array.from({ length: 9 }, (_, i) => row(`import:file:///${i}`))
  expect(otherWorkLines(otherWorkOf(many)).at(-1)).toBe('and 4 files and feeds more: --json has them')
})

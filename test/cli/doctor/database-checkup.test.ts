import { expect, test } from 'vitest'
import { progressFindings } from '../../../src/cli/doctor/database-checkup.ts'
import type { CollectionProgress } from '../../../src/contracts/collection-progress.ts'

test('the progress is held against the index', () => {
  const row = (
    collection: string,
    state: CollectionProgress['state'],
    more: Partial<CollectionProgress> = {},
  ) => ({
    ...{ relay: 'relay.test', collection, state, pages: 1, imported: 2, invalid: 0, attempts: 0, flags: [] },
    ...more,
  })
  const rows: CollectionProgress[] = [
    row('com.example.held', 'complete'),
    row('com.example.gone', 'complete'),
    row('com.example.walked', 'running'),
    row('com.example.failed', 'failed', { imported: 0 }),
    row('com.example.small', 'complete', { imported: 0, flags: ['smallerThanTold'] }),
    row('com.example.unwanted', 'failed', { flags: ['cancelled'] }),
  ]
  const names = new Set(['com.example.held'])
  expect(progressFindings(rows, names).map(({ state, found }) => [state, found])).toEqual([
    ['ok', '3 of 6 collections complete, 1 read by a run now, 8 pairs imported'],
    ['fail', '1 collection imported, and the index does not name them: com.example.gone'],
    ['warn', '1 collection failed: com.example.failed'],
    // No run reads what was cancelled: its flag says so, and that it failed or its pairs are gone says nothing more.
    ['warn', '2 collections flagged: com.example.small, com.example.unwanted'],
  ])
})

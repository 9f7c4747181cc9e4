import assert from 'node:assert/strict'
import type {
  Claim,
  CollectionProgress,
  KnownCollection,
  PageProgress,
  ProgressStore,
} from '../../src/index.ts'
import { mustClaim, SOURCE } from './store-cases.ts'

export const NAME = 'app.bsky.feed.post'

export async function claimed(
  progress: ProgressStore,
  collection: KnownCollection = { nsid: NAME },
): Promise<Claim> {
  await progress.register(SOURCE, [collection])
  return mustClaim(progress)
}

export async function onlyRow(progress: ProgressStore): Promise<CollectionProgress> {
  const rows = await progress.list({ source: SOURCE })
  assert.equal(rows.length, 1)
  const [row] = rows
  assert.ok(row)
  return row
}

export const page = (cursor: string | undefined, imported: number = 10, rejected = 0): PageProgress => ({
  cursor,
  imported,
  rejected,
})

import { type Claim, ClaimLostError, type ProgressStore } from '../../src/index.ts'
import type { OpenStore } from '../../src/postgres.ts'

/**
 * The store's progress with its fence off: whoever holds the row now, every claim may write to it. What a run on this
 * does wrong must be noticed.
 */
export function unfenced({ db, progress }: OpenStore): ProgressStore {
  /** The claim as the row's present holder would have it. */
  async function taken(claim: Claim): Promise<Claim> {
    const row = await db
      .selectFrom('backfill_progress')
      .select(['epoch', 'owner', 'page_count'])
      .where('collection', '=', claim.collection)
      .where('source', '=', claim.source)
      .executeTakeFirstOrThrow()
    return {
      ...claim,
      epoch: Number(row.epoch),
      owner: row.owner ?? claim.owner,
      page: Number(row.page_count),
    }
  }

  return {
    ...progress,
    async advance(claim, page, write) {
      await progress.advance(await taken(claim), page, write)
      return { ...claim, cursor: page.cursor, page: claim.page + 1, imported: claim.imported + page.imported }
    },
    async renew(claim, leaseMs) {
      try {
        return await progress.renew(await taken(claim), leaseMs)
      } catch (error) {
        if (error instanceof ClaimLostError) return claim
        throw error
      }
    },
  }
}

import { type Claim, ClaimLostError, type ProgressStore } from '../../src/index.ts'
import type { OpenStore } from '../../src/postgres/index.ts'

/**
 * The store's progress with its fence off: whoever holds the row now, every claim may write to it. What a run on this
 * does wrong must be noticed.
 */
export function unfenced({ db, progress }: OpenStore): ProgressStore {
  /** The claim as the row's present holder would have it; the claim itself where nobody holds the row. */
  async function taken(claim: Claim): Promise<Claim> {
    const row = await db
      .selectFrom('backfill_progress')
      .select(['epoch', 'owner', 'page_count'])
      .where('collection', '=', claim.collection)
      .where('source', '=', claim.relay)
      .executeTakeFirstOrThrow()
    if (row.owner === null) return claim
    return { ...claim, epoch: Number(row.epoch), owner: row.owner, pages: Number(row.page_count) }
  }

  /** Runs a change of the row with whatever claim it takes; again where somebody else changed the row in between. */
  async function forced<T>(claim: Claim, change: (claim: Claim) => Promise<T>): Promise<T> {
    for (;;) {
      const pretended = await taken(claim)
      try {
        return await change(pretended)
      } catch (error) {
        if (!(error instanceof ClaimLostError) || pretended === claim) throw error
      }
    }
  }

  return {
    ...progress,
    async advance(claim, page, write) {
      await forced(claim, (pretended) => progress.advance(pretended, page, write))
      return {
        ...claim,
        cursor: page.cursor,
        pages: claim.pages + page.pages,
        imported: claim.imported + page.imported,
      }
    },
    async renew(claim, leaseMs) {
      await forced(claim, (pretended) => progress.renew(pretended, leaseMs))
      return { ...claim, leaseMs }
    },
  }
}

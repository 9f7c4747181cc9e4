import type { Claim, IndexSink, PageProgress, ProgressStore } from '../../src/index.ts'
import type { Served } from './checker.ts'

export const SOURCE = 'relay.example'
export const COLLECTION = 'com.example.byhand'
/** DIDs on a page. */
const SIZE = 5

const didAt = (n: number) => `did:web:n${n}.example`
const cursorAt = (offset: number) => (offset === 0 ? '' : `c${offset}`)

/** The page that a claim has come to: one that no relay served, of a list that only ends where the test says. */
export function pageFor(claim: Claim, isLast = false): { page: PageProgress; dids: readonly string[] } {
  const end = (claim.pages + 1) * SIZE
  return {
    page: { cursor: isLast ? undefined : cursorAt(end), pages: 1, imported: SIZE, invalid: 0 },
    dids: Array.from({ length: SIZE }, (_, i) => didAt(end - SIZE + i)),
  }
}

/** What the checker takes for the relay's list. */
export function listOf(pages: number): Served {
  return {
    url: SOURCE,
    collections: [COLLECTION],
    dids: () => Array.from({ length: pages * SIZE }, (_, n) => didAt(n)),
    cursorAt: (_, offset) => cursorAt(offset),
  }
}

export async function claimByHand(progress: ProgressStore, owner = 'by hand'): Promise<Claim> {
  await progress.register(SOURCE, [{ nsid: COLLECTION }])
  const claim = await progress.claim({ relay: SOURCE, owner, leaseMs: 60_000 })
  if (claim === undefined) throw new Error('nothing to claim')
  return claim
}

/** Commits the page that the claim has come to, pairs and cursor in one transaction. */
export function commitByHand(
  { progress, sink }: { progress: ProgressStore; sink: IndexSink },
  claim: Claim,
  isLast = false,
): Promise<Claim> {
  const { relay: source, collection } = claim
  const { page, dids } = pageFor(claim, isLast)
  return progress.advance(claim, page, async (transaction) => {
    await sink.add({ relay: source, collection, dids }, { transaction })
  })
}

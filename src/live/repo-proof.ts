import type { RepoBlocks } from './repo-blocks.ts'

/** What the blocks of a commit tell of a collection after it. */
export type CollectionProof = 'empty' | 'held' | 'unknown'

/** Deeper than any tree: of the 2^64 repos of one record each, one has a tree of 33 layers. */
const DEEPEST = 64

/** Longer than any key of a repo, which is an NSID and a record key. */
const LONGEST_KEY = 1_024

/**
 * How many keys are looked at for the proofs of one commit. It has 200 records at most, and the way to each leads through
 * some 10 nodes of about 4 keys, so honest ones need a tenth of that. Blocks need not be a tree, so one that leads back to itself has paths without end.
 */
export const MOST_KEYS = 100_000

/** What is left of {@link MOST_KEYS}. */
export interface ProofBudget {
  keys: number
}

/**
 * A commit tells that a record is gone, not that it was the last of its collection. But it proves it: its blocks lead to
 * the place of the deleted key in the repo's tree, and to both its neighbours. So the part of the tree between them is
 * there, and either has a key of the collection or has none.
 *
 * @param budget what the proofs of one commit may cost together
 * @returns `unknown` where it is used up, and where a part of the tree that may hold such a key is missing: the relay
 * sends no proofs, or the collection reaches beyond the neighbours in a way that the blocks do not show
 */
export function proveCollection(
  blocks: RepoBlocks,
  collection: string,
  budget: ProofBudget = { keys: MOST_KEYS },
): CollectionProof {
  const commit = blocks.get(blocks.root) as { data?: unknown } | undefined
  if (commit?.data === undefined) return 'unknown'
  // In the order of bytes: `/` is followed by `0`, so these two enclose the keys of the collection.
  return lookIn({ blocks, budget, from: `${collection}/`, to: `${collection}0` }, commit.data, 0)
}

/** What is looked for, and where. */
interface Look {
  readonly blocks: RepoBlocks
  readonly budget: ProofBudget
  readonly from: string
  readonly to: string
}

/** The keys of a node stand between subtrees; each subtree has the keys between its two neighbours. */
function lookIn(look: Look, link: unknown, depth: number): CollectionProof {
  const { blocks, budget, from, to } = look
  const node = blocks.get(link) as { l?: unknown; e?: unknown } | undefined
  if (node === undefined || !Array.isArray(node.e) || depth > DEEPEST) return 'unknown'
  budget.keys -= 1 + node.e.length
  if (budget.keys < 0) return 'unknown'
  let key = ''
  let before = ''
  let proof: CollectionProof = 'empty'
  /** Whether keys between two others may be in the range. */
  const overlaps = (low: string, high: string | undefined) => low < to && (high === undefined || high > from)
  let subtree: unknown = node.l
  for (const { p, k, t } of node.e as { p: number; k: unknown; t?: unknown }[]) {
    if (!(k instanceof Uint8Array)) return 'unknown'
    key = before.slice(0, p) + String.fromCharCode(...k)
    if (key.length > LONGEST_KEY) return 'unknown'
    if (key >= from && key < to) return 'held'
    if (subtree && overlaps(before, key)) {
      const found = lookIn(look, subtree, depth + 1)
      if (found === 'held') return found
      if (found === 'unknown') proof = found
    }
    before = key
    subtree = t
  }
  if (!subtree || !overlaps(before, undefined)) return proof
  const last = lookIn(look, subtree, depth + 1)
  return last === 'empty' ? proof : last
}

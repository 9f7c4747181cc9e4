import type { RepoBlocks } from './repo-blocks.ts'

/** What the blocks of a commit tell of a collection after it. */
export type CollectionProof = 'empty' | 'held' | 'unknown'

/** Deeper than any tree: of the 2^64 repos of one record each, one has a tree of 33 layers. */
const DEEPEST = 64

/**
 * A commit tells that a record is gone, not that it was the last of its collection. But it proves it: its blocks lead to
 * the place of the deleted key in the repo's tree, and to both its neighbours. So the part of the tree between them is
 * there, and either has a key of the collection or has none.
 *
 * @returns `unknown` where a part of the tree that may hold such a key is missing: the relay sends no proofs, or the
 * collection reaches beyond the neighbours in a way that the blocks do not show
 */
export function proveCollection(blocks: RepoBlocks, collection: string): CollectionProof {
  const commit = blocks.get(blocks.root) as { data?: unknown } | undefined
  if (commit?.data === undefined) return 'unknown'
  // In the order of bytes: `/` is followed by `0`, so these two enclose the keys of the collection.
  return lookIn(blocks, commit.data, { from: `${collection}/`, to: `${collection}0` }, 0)
}

interface Range {
  readonly from: string
  readonly to: string
}

/** The keys of a node stand between subtrees; each subtree has the keys between its two neighbours. */
function lookIn(blocks: RepoBlocks, link: unknown, range: Range, depth: number): CollectionProof {
  const node = blocks.get(link) as { l?: unknown; e?: unknown } | undefined
  if (node === undefined || !Array.isArray(node.e) || depth > DEEPEST) return 'unknown'
  let key = ''
  let before = ''
  let proof: CollectionProof = 'empty'
  /** Whether keys between two others may be in the range. */
  const overlaps = (low: string, high: string | undefined) =>
    low < range.to && (high === undefined || high > range.from)
  let subtree: unknown = node.l
  for (const { p, k, t } of node.e as { p: number; k: unknown; t?: unknown }[]) {
    if (!(k instanceof Uint8Array)) return 'unknown'
    key = before.slice(0, p) + String.fromCharCode(...k)
    if (key >= range.from && key < range.to) return 'held'
    if (subtree && overlaps(before, key)) {
      const found = lookIn(blocks, subtree, range, depth + 1)
      if (found === 'held') return found
      if (found === 'unknown') proof = found
    }
    before = key
    subtree = t
  }
  if (!subtree || !overlaps(before, undefined)) return proof
  const last = lookIn(blocks, subtree, range, depth + 1)
  return last === 'empty' ? proof : last
}

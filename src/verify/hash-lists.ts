import {
  type Digest,
  type DigestSet,
  digester,
  digestSet,
  EVERYTHING,
  halves,
  isIn,
  type Share,
} from './digest-set.ts'
import { indexPages, type ListParts, relayPages } from './lists.ts'
import { type Differences, type Samples, samples } from './verification-report.ts'

/** The lists of one collection, and what comparing them may take. */
export interface HashParts extends ListParts {
  readonly collection: string
  readonly sampleSize: number
  /** The most that digests may take, in bytes. */
  readonly memoryBytes: number
}

/**
 * Compares two lists in any order. The index is read into a set of digests, of eight bytes and at most a third more,
 * and the relay is walked against it. What then has no counterpart is looked up in the index once more: so the names of
 * what only the index has come out, and what the live feed has brought or removed meanwhile is no difference.
 *
 * Where the digests of both sides would take more memory than they may, the half of all buckets that is in hand is
 * finished first, and the other half gets a pass of its own: one more walk of the relay, and so on.
 */
export async function hashLists(parts: HashParts): Promise<Differences> {
  const digest = digester()
  const only = { there: samples(parts.sampleSize), here: samples(parts.sampleSize) }
  const counts = { both: 0, onlyThere: 0, onlyHere: 0 }
  const shares: Share[] = [EVERYTHING]
  for (let share = shares.pop(); share !== undefined; share = shares.pop()) {
    const pass = startPass(share, shares, parts)
    await readIndex(pass, digest, parts)
    await readRelay(pass, digest, parts)
    const found = await lookAgain(pass, digest, parts)
    counts.both += found.both
    counts.onlyThere += found.onlyThere
    counts.onlyHere += found.onlyHere
    for (const did of pass.onlyThere.dids) only.there.add(did)
    for (const did of pass.onlyHere.dids) only.here.add(did)
  }
  return { ...counts, samples: { onlyThere: only.there.dids, onlyHere: only.here.dids } }
}

/** One walk of both lists, and what it is about. */
interface Pass {
  share: Share
  /** What the index holds; marked is what the relay lists too. */
  readonly here: DigestSet
  /** What the relay lists and `here` lacks; marked is what the index turned out to hold after all. */
  readonly there: DigestSet
  readonly onlyThere: Samples
  readonly onlyHere: Samples
  /** Leaves a half of the share for later while the digests take too much. */
  fit(digest: (did: string) => Digest): void
}

function startPass(share: Share, later: Share[], { sampleSize, memoryBytes }: HashParts): Pass {
  const here = digestSet()
  const there = digestSet()
  const onlyThere = samples(sampleSize)
  return {
    share,
    here,
    there,
    onlyThere,
    onlyHere: samples(sampleSize),
    fit(digest) {
      while (here.bytes + there.bytes > memoryBytes) {
        const [half, rest] = halves(this.share) ?? []
        if (half === undefined || rest === undefined) return
        this.share = half
        later.push(rest)
        here.keep(half)
        there.keep(half)
        onlyThere.filter((did) => isIn(half, digest(did).bucket))
      }
    },
  }
}

async function readIndex(pass: Pass, digest: (did: string) => Digest, parts: HashParts): Promise<void> {
  for await (const dids of indexPages(parts.collection, parts)) {
    for (const did of dids) {
      const digested = digest(did)
      if (isIn(pass.share, digested.bucket)) pass.here.add(digested)
    }
    pass.fit(digest)
  }
}

async function readRelay(pass: Pass, digest: (did: string) => Digest, parts: HashParts): Promise<void> {
  for await (const dids of relayPages(parts.collection, parts)) {
    for (const did of dids) {
      const digested = digest(did)
      if (!isIn(pass.share, digested.bucket) || pass.here.mark(digested) !== 'absent') continue
      pass.there.add(digested)
      pass.onlyThere.add(did)
    }
    pass.fit(digest)
  }
}

async function lookAgain(
  { share, here, there, onlyThere, onlyHere }: Pass,
  digest: (did: string) => Digest,
  parts: HashParts,
): Promise<{ both: number; onlyThere: number; onlyHere: number }> {
  const { members, marked } = here.count()
  const missing = there.count().members
  const found = { both: marked, onlyThere: missing, onlyHere: 0 }
  if (members === marked && missing === 0) return found
  for await (const dids of indexPages(parts.collection, parts)) {
    for (const did of dids) {
      const digested = digest(did)
      if (!isIn(share, digested.bucket)) continue
      const seen = here.mark(digested)
      if (seen === 'first') {
        found.onlyHere += 1
        onlyHere.add(did)
      } else if (seen === 'absent' && there.mark(digested) === 'first') {
        found.both += 1
        found.onlyThere -= 1
      }
    }
  }
  onlyThere.filter((did) => !there.isMarked(digest(did)))
  return found
}

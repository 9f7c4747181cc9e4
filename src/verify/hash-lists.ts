import { indexPages } from '../run/index-reading.ts'
import type { DigestShare } from './digest-memory.ts'
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
import { type ListParts, relayPages } from './lists.ts'
import type { Mender } from './repair.ts'
import { type Differences, type Samples, samples } from './verification-report.ts'

/** The lists of one collection, and what comparing them may take. */
export interface HashParts extends ListParts {
  readonly collection: string
  readonly sampleSize: number
  readonly memory: DigestShare
  /** Absent: nothing is written. */
  readonly mender?: Mender | undefined
}

/**
 * Compares two lists in any order, and mends the index if it is to. The index is read into a set of digests, of eight
 * bytes and at most a third more, and the relay is walked against it. What then has no counterpart is looked up in the
 * index once more: so the names of what only the index has come out, and what the live feed has brought or removed
 * meanwhile is no difference.
 *
 * What is removed was in the index before the relay was asked for its first page, and is in none of its pages. A repo may
 * come back between that page and the removal, though, and the live feed then adds a pair that is still there. So the relay
 * is walked again, and what it lists of the removed ones is added; so is, by the same walk, what is missing.
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
    await bringMissing(pass, digest, parts)
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
  /** What was removed; marked is what came back. */
  readonly gone: DigestSet
  readonly onlyThere: Samples
  readonly onlyHere: Samples
  /** Leaves a half of the share for later while the digests take too much. */
  fit(digest: (did: string) => Digest): void
}

function startPass(share: Share, later: Share[], { sampleSize, memory, mender }: HashParts): Pass {
  const here = digestSet()
  const there = digestSet()
  // All that is here may have to go.
  const most = () => (mender?.removes ? 2 : 1) * here.bytes + there.bytes
  const onlyThere = samples(sampleSize)
  return {
    share,
    here,
    there,
    gone: digestSet(),
    onlyThere,
    onlyHere: samples(sampleSize),
    fit(digest) {
      while (!memory.fits(most())) {
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
  { share, here, there, gone, onlyThere, onlyHere }: Pass,
  digest: (did: string) => Digest,
  parts: HashParts,
): Promise<{ both: number; onlyThere: number; onlyHere: number }> {
  const { mender } = parts
  const { members, marked } = here.count()
  const missing = there.count().members
  const found = { both: marked, onlyThere: missing, onlyHere: 0 }
  if (members === marked && missing === 0) return found
  for await (const dids of indexPages(parts.collection, parts)) {
    const surplus: string[] = []
    for (const did of dids) {
      const digested = digest(did)
      if (!isIn(share, digested.bucket)) continue
      const seen = here.mark(digested)
      if (seen === 'first') {
        found.onlyHere += 1
        onlyHere.add(did)
        if (mender?.removes) surplus.push(did)
      } else if (seen === 'absent' && there.mark(digested) === 'first') {
        found.both += 1
        found.onlyThere -= 1
      }
    }
    // Before the removal: one that fails may have been made.
    for (const did of surplus) gone.add(digest(did))
    await mender?.remove(surplus)
  }
  onlyThere.filter((did) => !there.isMarked(digest(did)))
  return found
}

/** Walks the relay again, and adds what it lists of what is missing and of what was removed. */
async function bringMissing(
  { share, there, gone }: Pass,
  digest: (did: string) => Digest,
  { mender, ...parts }: HashParts,
): Promise<void> {
  if (mender === undefined) return
  const { members, marked } = there.count()
  const isMissing = mender.adds && members > marked
  if (!isMissing && gone.count().members === 0) return
  for (const lister of parts.listers) {
    for await (const dids of relayPages(parts.collection, { ...parts, listers: [lister] })) {
      const missing = dids.filter((did) => {
        const digested = digest(did)
        if (!isIn(share, digested.bucket)) return false
        return gone.mark(digested) === 'first' || (mender.adds && there.mark(digested) === 'first')
      })
      await mender.add(lister.relay, missing)
    }
  }
}

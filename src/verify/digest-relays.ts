import { childController } from '../util/abort.ts'
import type { CompareRelaysParts } from './compare-parts.ts'
import {
  type Digest,
  type DigestSet,
  digester,
  digestSet,
  EVERYTHING,
  halves,
  isIn,
  overlapOf,
  type Share,
} from './digest-set.ts'
import { type ComparedRelays, pagesOfSide } from './relay-side.ts'
import { type Samples, samples } from './verification-report.ts'

/**
 * Compares lists in any order. Each is read into a set of digests, all side by side, of eight bytes a repo and at most a
 * third more. Names are not kept: where one relay alone lists some, its list is begun again until enough of them are found.
 *
 * Where the sets would take more memory than they may, the half of all buckets that is in hand is finished first, and the
 * other half gets a pass of its own: one more walk of each relay.
 */
export async function digestRelays(collection: string, parts: CompareRelaysParts): Promise<ComparedRelays> {
  const digest = digester()
  const sums = { union: 0, all: 0 }
  const sides = parts.listers.map(({ relay }) => ({
    relay,
    listed: 0,
    only: 0,
    found: samples(parts.sampleSize),
  }))
  const later: Share[] = [EVERYTHING]
  for (let share = later.pop(); share !== undefined; share = later.pop()) {
    const pass: Pass = { share, sets: sides.map(digestSet), later, memoryBytes: parts.memoryBytes }
    await readSides(collection, pass, digest, parts)
    const overlap = overlapOf(pass.sets)
    sums.union += overlap.union
    sums.all += overlap.all
    for (const [i, side] of sides.entries()) {
      const only = overlap.only[i] ?? 0
      side.listed += pass.sets[i]?.count().members ?? 0
      side.only += only
      const most = Math.min(parts.sampleSize, side.found.dids.length + only)
      if (side.found.dids.length < most)
        await findOnly(collection, { i, pass, digest, most, found: side.found }, parts)
    }
  }
  return { ...sums, relays: sides.map(({ found, ...side }) => ({ ...side, samples: found.dids })) }
}

/** One walk of all lists, and what it is about. */
interface Pass {
  share: Share
  /** What each relay lists. */
  readonly sets: readonly DigestSet[]
  readonly later: Share[]
  readonly memoryBytes: number
}

/** Leaves a half of the share for later while the digests take too much. */
function fit(pass: Pass): void {
  const { sets, later, memoryBytes } = pass
  while (sets.reduce((sum, { bytes }) => sum + bytes, 0) > memoryBytes) {
    const [half, rest] = halves(pass.share) ?? []
    if (half === undefined || rest === undefined) return
    pass.share = half
    later.push(rest)
    for (const set of sets) set.keep(half)
  }
}

/** @throws what the first list that fails is refused with, once the others have stopped */
async function readSides(
  collection: string,
  pass: Pass,
  digest: (did: string) => Digest,
  parts: CompareRelaysParts,
): Promise<void> {
  const reading = childController(parts.signal)
  const failures: unknown[] = []
  await Promise.all(
    parts.listers.map(async (lister, i) => {
      try {
        for await (const dids of pagesOfSide(lister, collection, { ...parts, signal: reading.signal })) {
          for (const did of dids) {
            const digested = digest(did)
            if (isIn(pass.share, digested.bucket)) pass.sets[i]?.add(digested)
          }
          fit(pass)
        }
      } catch (error) {
        failures.push(error)
        reading.abort()
      }
    }),
  )
  reading.abort()
  if (failures.length > 0) throw failures[0]
}

interface Search {
  /** The relay's number. */
  readonly i: number
  readonly pass: Pass
  readonly digest: (did: string) => Digest
  readonly most: number
  readonly found: Samples
}

/** Reads a list again until enough of what it alone has is found. */
async function findOnly(
  collection: string,
  { i, pass, digest, most, found }: Search,
  parts: CompareRelaysParts,
): Promise<void> {
  const [lister] = parts.listers.slice(i, i + 1)
  if (lister === undefined) return
  const [own, ...others] = [pass.sets[i], ...pass.sets.filter((_, j) => j !== i)]
  for await (const dids of pagesOfSide(lister, collection, parts)) {
    for (const did of dids) {
      const digested = digest(did)
      // One that came to the list since it was read may be on the others' by now.
      if (own?.has(digested) && !others.some((set) => set?.has(digested))) found.add(did)
      if (found.dids.length >= most) return
    }
  }
}

import { indexPages } from '../run/index-reading.ts'
import { type ListReader, listReader } from './list-reader.ts'
import { type ListParts, relayPages } from './lists.ts'
import { type Differences, samples } from './verification-report.ts'

/** After so many, the order is taken to be the relay's. */
const PAGES_IN_ORDER = 10

export interface MergeParts extends ListParts {
  /** The relay's first pages were in order. */
  readonly onPages: () => void
}

/**
 * Compares two lists side by side, which takes the memory of two pages. It works where both are in the order of their
 * code points; neither is trusted to be.
 *
 * @returns nothing as soon as one of them turns out not to be
 */
export async function mergeLists(
  collection: string,
  sampleSize: number,
  { onPages, ...parts }: MergeParts,
): Promise<Differences | undefined> {
  const only = { there: samples(sampleSize), here: samples(sampleSize) }
  const counts = { both: 0, onlyThere: 0, onlyHere: 0 }
  const onlyHere = (did: string) => {
    counts.onlyHere += 1
    only.here.add(did)
  }
  const here = listReader(indexPages(collection, parts))
  let pages = 0
  try {
    let last = ''
    for await (const dids of relayPages(collection, parts)) {
      for (const did of dids) {
        if (did < last) return undefined
        // A relay may give a repo twice.
        if (did === last) continue
        last = did
        await passOver(here, did, onlyHere)
        if (here.head === did) {
          counts.both += 1
          here.step()
        } else {
          counts.onlyThere += 1
          only.there.add(did)
        }
      }
      if (!here.isAscending) return undefined
      pages += 1
      if (pages === PAGES_IN_ORDER) onPages()
    }
    await passOver(here, undefined, onlyHere)
    if (!here.isAscending) return undefined
    return { ...counts, samples: { onlyThere: only.there.dids, onlyHere: only.here.dids } }
  } finally {
    await here.close()
  }
}

/** Tells everything in the list that comes before the DID, or all that is left. */
async function passOver(
  list: ListReader,
  before: string | undefined,
  tell: (did: string) => void,
): Promise<void> {
  for (;;) {
    if (list.isEmpty) await list.fill()
    const { head } = list
    if (head === undefined || (before !== undefined && head >= before)) return
    tell(head)
    list.step()
  }
}

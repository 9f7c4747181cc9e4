import { childController } from '../util/abort.ts'
import type { CompareRelaysParts } from './compare-parts.ts'
import { type ListReader, listReader } from './list-reader.ts'
import { type ComparedRelays, pagesOfSide } from './relay-side.ts'
import { samples } from './verification-report.ts'

/**
 * Compares lists side by side, in the memory of two pages of each. It works where all are in the order of their code
 * points, without repeats; none is trusted to be.
 *
 * @returns nothing as soon as one of them turns out not to be
 */
export async function mergeRelays(
  collection: string,
  parts: CompareRelaysParts,
): Promise<ComparedRelays | undefined> {
  const { listers, sampleSize } = parts
  const reading = childController(parts.signal)
  const asking = { ...parts, signal: reading.signal }
  const readers = listers.map((lister) => listReader(pagesOfSide(lister, collection, asking)))
  const sums = { union: 0, all: 0 }
  const sides = listers.map(({ relay }) => ({ relay, listed: 0, only: 0, found: samples(sampleSize) }))

  /** Takes the first of all heads, wherever it is. @returns whether there was one */
  function takeLeast(): boolean {
    const least = leastOf(readers)
    if (least === undefined) return false
    const holders = readers.flatMap(({ head }, i) => (head === least ? [i] : []))
    sums.union += 1
    if (holders.length === readers.length) sums.all += 1
    for (const i of holders) {
      readers[i]?.step()
      const side = sides[i]
      if (side === undefined) continue
      side.listed += 1
      if (holders.length > 1) continue
      side.only += 1
      side.found.add(least)
    }
    return true
  }

  try {
    for (;;) {
      await Promise.all(readers.map((reader) => reader.fill()))
      let isOver = false
      while (!isOver && !readers.some(({ isEmpty }) => isEmpty)) isOver = !takeLeast()
      if (!readers.every(({ isAscending }) => isAscending)) return undefined
      if (!isOver) continue
      const relays = sides.map(({ found, ...side }) => ({ ...side, samples: found.dids }))
      return { ...sums, relays }
    }
  } finally {
    // A list that failed is no reason to wait for the page of another one.
    reading.abort()
    await Promise.all(readers.map((reader) => reader.close()))
  }
}

function leastOf(readers: readonly ListReader[]): string | undefined {
  let least: string | undefined
  for (const { head } of readers) {
    if (head !== undefined && (least === undefined || head < least)) least = head
  }
  return least
}

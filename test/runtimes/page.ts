/** What a page in a browser does with the package's root: bundled as sites do, and called by the test. */
import { createBackfiller, lexiconGarden, memoryStore, relayLister } from 'atproto-collection-backfill'

export interface PageOutcome {
  /** How many DIDs the index holds, by collection. */
  readonly indexed: Readonly<Record<string, number>>
  /** What the loop of a run rejected with whose signal was aborted at its first page. */
  readonly aborted: string
  /** Collections that were left under a claim by that. */
  readonly stillClaimed: number
}

/** @param origin of a relay that serves `/llms.txt` too */
export async function backfill(origin: string): Promise<PageOutcome> {
  const lister = relayLister(origin)
  const sources = [lexiconGarden({ url: `${origin}/llms.txt` })]
  const store = memoryStore()
  const stop = new AbortController()
  let aborted = ''
  try {
    for await (const _ of createBackfiller({
      relay: lister,
      collections: sources,
      store,
      signal: stop.signal,
    })) {
      stop.abort(new Error('enough'))
    }
  } catch (error) {
    aborted = String(error)
  }
  const claimed = (await store.progress.list()).filter(({ state }) => state === 'running')
  await createBackfiller({ relay: lister, collections: sources, store }).run()
  const indexed = Object.fromEntries(
    [...store.sink.pairs].map(([collection, dids]) => [collection, dids.size]),
  )
  return { indexed, aborted, stillClaimed: claimed.length }
}

import { describe, expect, it } from 'vitest'
import type { IndexBatch, IndexSink } from '../../src/index.ts'
import { type MemoryIndexSink, memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { type IndexSinkFixture, indexSinkSuite } from '../../src/testing/index.ts'
import { type FaultRow, failuresOf, provesItself } from './broken.ts'

type Make = () => Promise<IndexSinkFixture>
type Add = IndexSink['add']

/** A sink whose `add` is broken, made twice over one memory index that is read past it. */
function withAdd(breakIt: (index: MemoryIndexSink) => Add): Make {
  return async () => {
    const index = memoryIndexSink()
    return {
      sink: { add: breakIt(index) },
      reopen: async () => ({ sink: { add: breakIt(index) } }),
      read: async (collection) => index.pairs.get(collection) ?? [],
    }
  }
}

/** A sink that writes something else than it was given. */
const writing = (change: (batch: IndexBatch) => IndexBatch): Make =>
  withAdd((index) => async (batch, context) => index.add(change(batch), context))

const changingDids = (change: (did: string) => string): Make =>
  writing((batch) => ({ ...batch, dids: batch.dids.map(change) }))

const later = (ms = 1) => new Promise((resolve) => setTimeout(resolve, ms))
const knownTo = (index: MemoryIndexSink, { collection, dids }: IndexBatch) =>
  dids.filter((did) => index.pairs.get(collection)?.has(did))

function resolvingEarly(): Make {
  return withAdd((index) => async (batch) => {
    const added = new Set(batch.dids).size - new Set(knownTo(index, batch)).size
    void later().then(() => index.add(batch))
    return { added }
  })
}

/** Looks first and writes afterwards, so that two at once count the same pairs. */
function counting(): Make {
  return withAdd((index) => async (batch) => {
    const added = new Set(batch.dids).size - new Set(knownTo(index, batch)).size
    await later()
    await index.add(batch)
    return { added }
  })
}

function rememberingItself(): Make {
  return withAdd((index) => {
    const own = memoryIndexSink()
    return async (batch, context) => {
      await index.add(batch, context)
      return own.add(batch, context)
    }
  })
}

/** The collection of the last call is where the pairs of all calls go. */
function sharingState(): Make {
  return withAdd((index) => {
    let current = ''
    return async (batch) => {
      current = batch.collection
      await later()
      return index.add({ ...batch, collection: current })
    }
  })
}

function keepingRepeats(): Make {
  return async () => {
    const index = memoryIndexSink()
    const rows: { collection: string; did: string }[] = []
    const add: Add = async (batch, context) => {
      rows.push(...batch.dids.map((did) => ({ collection: batch.collection, did })))
      return index.add(batch, context)
    }
    const read = async (name: string) =>
      rows.flatMap(({ collection, did }) => (collection === name ? [did] : []))
    return { sink: { add }, read }
  }
}

const COUNTS = 'counts the pairs that are new, and adding them again changes nothing'
const DURABLE = 'resolves when the pairs are durable: a reader finds them then'
const REPEATS = 'takes a DID that a page holds twice, and counts it once'
const DIDS = 'keeps a DID letter by letter'
const NSIDS = 'keeps an NSID letter by letter'
const ABORTED = 'a signal that aborted before: its reason, or pairs that are durable'
const ABORTING = 'a signal that aborts meanwhile: its reason, or pairs that are durable'

const faults: FaultRow<Make>[] = [
  ['resolves before the pairs are durable', resolvingEarly(), DURABLE],
  [
    'counts every DID of the page',
    withAdd((index) => async (batch) => {
      await index.add(batch)
      return { added: batch.dids.length }
    }),
    COUNTS,
  ],
  [
    'counts only what is new',
    withAdd((index) => async (batch) => {
      const { added } = await index.add(batch)
      return added === 0 ? undefined : { added }
    }),
    'counts every batch or none',
  ],
  [
    'counts nothing',
    withAdd((index) => async (batch) => {
      await index.add(batch)
      return { added: 0 }
    }),
    COUNTS,
  ],
  [
    'counts from what this instance remembers',
    rememberingItself(),
    'counts what another instance added as known',
  ],
  [
    'counts a pair twice that comes twice at once',
    counting(),
    'takes overlapping pages in any order at the same time, each pair counted once',
  ],
  ['stores a pair each time that it comes', keepingRepeats(), COUNTS],
  [
    'throws on a DID that a page holds twice',
    withAdd((index) => async (batch) => {
      if (new Set(batch.dids).size < batch.dids.length) throw new Error('duplicate key')
      return index.add(batch)
    }),
    REPEATS,
  ],
  [
    'throws on a pair that it holds already',
    withAdd((index) => async (batch) => {
      if (knownTo(index, batch).length > 0) throw new Error('duplicate key')
      return index.add(batch)
    }),
    COUNTS,
  ],
  [
    'throws on an empty page',
    withAdd((index) => async (batch) => {
      if (batch.dids.length === 0) throw new Error('no rows to insert')
      return index.add(batch)
    }),
    'takes an empty page',
  ],
  [
    'writes the first thousand of a page',
    writing((batch) => ({ ...batch, dids: batch.dids.slice(0, 1000) })),
    'takes 10,000 DIDs at once, the largest page that relays give',
  ],
  [
    'confuses pages that come at the same time',
    sharingState(),
    'keeps the collections apart, also when they are filled at the same time',
  ],
  [
    'tells relays apart',
    writing((batch) => ({ ...batch, collection: `${batch.collection}@${batch.relay}` })),
    'does not tell relays apart: a pair is the same from each',
  ],
  ['folds the case of DIDs', changingDids((did) => did.toLowerCase()), DIDS],
  ['decodes DIDs', changingDids((did) => decodeURIComponent(did)), DIDS],
  ['cuts DIDs off', changingDids((did) => did.slice(0, 255)), DIDS],
  [
    'folds the case of NSIDs',
    writing((batch) => ({ ...batch, collection: batch.collection.toLowerCase() })),
    NSIDS,
  ],
  ['cuts NSIDs off', writing((batch) => ({ ...batch, collection: batch.collection.slice(0, 255) })), NSIDS],
  [
    'sorts the batch in place',
    withAdd((index) => async (batch) => index.add({ ...batch, dids: (batch.dids as string[]).sort() })),
    'leaves the batch as it is: the DIDs are the caller’s, in the relay’s order',
  ],
  [
    'resolves without writing when the signal has aborted',
    withAdd(
      (index) =>
        async (batch, { signal } = {}) =>
          signal?.aborted ? { added: 0 } : index.add(batch),
    ),
    ABORTED,
  ],
  [
    'rejects an abort with an error of its own',
    withAdd((index) => async (batch, { signal } = {}) => {
      if (signal?.aborted) throw new Error('aborted', { cause: signal.reason })
      return index.add(batch)
    }),
    ABORTED,
  ],
  [
    'resolves with a part of the page when the signal aborts',
    withAdd((index) => async (batch, { signal } = {}) => {
      await later()
      return index.add(signal?.aborted ? { ...batch, dids: batch.dids.slice(0, 100) } : batch)
    }),
    ABORTING,
  ],
]

describe('indexSinkSuite', () => {
  provesItself(
    indexSinkSuite,
    withAdd((index) => index.add),
    faults,
  )

  it('passes a sink that cannot count', async () => {
    const silent = withAdd((index) => async (batch, context) => {
      await index.add(batch, context)
    })
    expect(await failuresOf(indexSinkSuite, silent)).toEqual([])
  })

  it('fails a sink that cannot count and forgets pairs', async () => {
    const forgetful = withAdd((index) => async (batch) => {
      await index.add({ ...batch, dids: batch.dids.slice(1) })
    })
    expect(await failuresOf(indexSinkSuite, forgetful)).not.toEqual([])
  })
})

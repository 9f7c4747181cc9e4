import type { BackfillHooks, CollectionProgress, PageEvent } from 'atproto-collection-backfill'
import type { View, Walk } from './display.ts'

/** Follows a run through its hooks and page events. */
export interface Tracker {
  readonly hooks: BackfillHooks
  page(event: PageEvent): void
  view(): View
}

interface Entry {
  size: number | undefined
  imported: number
  state: 'waiting' | 'done' | 'failed'
}

interface Sample {
  at: number
  pairs: number
  work: number
}

/** What a collection costs beside its pairs (a claim, a request, a commit), counted in pairs. */
const WORK_OF_A_COLLECTION = 300

/** The speed shown is that of the last seconds, in milliseconds. */
const WINDOW_MS = 5_000
const NOTICE_MS = 8_000

/**
 * @param known what earlier runs have done
 * @param requests how many requests were made so far
 */
export function trackProgress(known: readonly CollectionProgress[], requests: () => number): Tracker {
  const entries = entriesOf(known)
  const walks = walkSlots()
  const faults = faultLog()
  const speed = speedometer()
  return {
    hooks: hooksOf(entries, walks, faults),
    page({ collection, imported, completed }) {
      Object.assign(entries.of(collection), {
        imported,
        ...(completed ? { state: 'done', size: imported } : {}),
      })
      walks.page(collection, imported, completed)
    },
    view() {
      const { work, ...totals } = sumUp(entries.all())
      const rates = speed(totals.pairs.done, work.done)
      const isMeasurable = rates !== undefined && rates.work > 0 && totals.pairs.total !== undefined
      return {
        ...totals,
        ...faults.view(),
        requests: requests(),
        walks: walks.list(),
        fraction: work.total === 0 ? 0 : work.done / work.total,
        pairsPerSecond: totals.collections.total === 0 ? undefined : rates?.pairs,
        secondsLeft: isMeasurable ? (work.total - work.done) / rates.work : undefined,
      }
    },
  }
}

function hooksOf(
  entries: ReturnType<typeof entriesOf>,
  walks: ReturnType<typeof walkSlots>,
  { retried, say }: ReturnType<typeof faultLog>,
): BackfillHooks {
  return {
    discovered({ collections }) {
      for (const { nsid, estimatedRepos } of collections) entries.of(nsid).size ??= estimatedRepos
    },
    sourceFailed: ({ name, error }) => say(`${name}: ${messageOf(error)}`),
    retry({ collection = 'the relay', attempt, waitMs, error }) {
      retried()
      say(`${collection}: retry ${attempt} in ${seconds(waitMs)}: ${messageOf(error)}`)
    },
    collectionStarted: ({ collection, imported }) =>
      walks.start(collection, imported, entries.of(collection).size),
    collectionFailed({ collection, error, restart }) {
      Object.assign(entries.of(collection), { state: 'failed', ...(restart ? { imported: 0 } : {}) })
      walks.end(collection)
      say(`${collection}: ${messageOf(error)}`)
    },
    claimLost({ collection }) {
      walks.end(collection)
      say(`${collection}: taken over by another worker`)
    },
    storeUnavailable: ({ error, waitMs }) =>
      say(`the store, again in ${seconds(waitMs)}: ${messageOf(error)}`),
  }
}

function entriesOf(known: readonly CollectionProgress[]) {
  const entries = new Map<string, Entry>()
  for (const { collection, estimatedRepos, imported, state } of known) {
    entries.set(collection, {
      size: estimatedRepos,
      imported,
      state: state === 'complete' ? 'done' : 'waiting',
    })
  }
  return {
    all: (): readonly Entry[] => [...entries.values()],
    of(collection: string): Entry {
      const entry = entries.get(collection) ?? { size: undefined, imported: 0, state: 'waiting' }
      entries.set(collection, entry)
      return entry
    },
  }
}

/** Counts retries, and keeps the last thing that went wrong for a while. */
function faultLog() {
  let retries = 0
  let last = { text: '', until: 0 }
  return {
    retried() {
      retries += 1
    },
    say(text: string) {
      last = { text, until: performance.now() + NOTICE_MS }
    },
    view: () => ({ retries, notice: performance.now() < last.until ? last.text : undefined }),
  }
}

function sumUp(entries: readonly Entry[]) {
  const done = entries.filter(({ state }) => state === 'done').length
  const pairs = entries.reduce((sum, { imported }) => sum + imported, 0)
  const size = (entry: Entry) => Math.max(entry.size ?? 0, entry.imported)
  const allPairs = entries.reduce((sum, entry) => sum + size(entry), 0)
  const isSized = entries.every((entry) => entry.size !== undefined)
  // Without sizes, the collections are all that can be measured.
  const weight = isSized ? 1 : 0
  return {
    collections: { done, total: entries.length },
    pairs: { done: pairs, total: isSized ? allPairs : undefined },
    failed: entries.filter(({ state }) => state === 'failed').length,
    work: {
      done: pairs * weight + done * WORK_OF_A_COLLECTION,
      total: allPairs * weight + entries.length * WORK_OF_A_COLLECTION,
    },
  }
}

/** Keeps each walk on its line; a new one takes the line of one that has ended. */
function walkSlots() {
  const slots: Walk[] = []
  const replace = (index: number, change: Partial<Walk>) => {
    const slot = slots[index]
    if (slot !== undefined) slots[index] = { ...slot, ...change }
  }
  const at = (collection: string) => slots.findIndex((slot) => slot.collection === collection)
  return {
    list: (): readonly Walk[] => [...slots],
    start(collection: string, imported: number, size: number | undefined) {
      const walk = { collection, imported, size, done: false }
      const free = slots.findIndex(({ done }) => done)
      if (free === -1) slots.push(walk)
      else slots[free] = walk
    },
    page: (collection: string, imported: number, done: boolean) =>
      replace(at(collection), { imported, done }),
    end: (collection: string) => {
      const index = at(collection)
      if (index !== -1) slots.splice(index, 1)
    },
  }
}

/** Speeds over the last seconds; nothing until there is enough to tell. */
function speedometer() {
  const samples: Sample[] = []
  return (pairs: number, work: number): { pairs: number; work: number } | undefined => {
    const at = performance.now()
    samples.push({ at, pairs, work })
    while ((samples[1]?.at ?? at) < at - WINDOW_MS) samples.shift()
    const [first] = samples
    if (first === undefined || at - first.at < 500) return undefined
    const seconds = (at - first.at) / 1000
    return { pairs: (pairs - first.pairs) / seconds, work: (work - first.work) / seconds }
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ')
}

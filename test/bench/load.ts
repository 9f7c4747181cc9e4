import { scaledNetwork } from '../../examples/demo/network.ts'

/** How long the relays of the network took for a page, in milliseconds, whatever its size. */
const PAGE_MS = 140
/** The pairs of the network. */
const NETWORK_PAIRS = 61_000_000

/** What one run has to fetch. */
export interface Load {
  /** The collections, each with its repos. */
  readonly sizes: Readonly<Record<string, number>>
  readonly pageSize: number
  /** How long the relay takes for a page. */
  readonly latencyMs: number
  readonly pairs: number
  readonly pages: number
  /** The pages of the largest collection, which can only come one after the other. */
  readonly longest: number
}

export interface LoadOptions {
  /**
   * Repos, page size and latency are divided by it: the pages and the pairs a second stay what they are in the network, and
   * what a page costs beside its latency weighs so many times as much.
   */
  readonly divisor: number
  /** On the network: before it is divided. */
  readonly pageSize: number
  /** Of the pages, counted through all collections from the largest on, each so-many-th. 1: all of them. */
  readonly every: number
}

/** The model of the network, made smaller. */
export function networkLoad({ divisor, pageSize, every }: LoadOptions): Load {
  const { sizes } = scaledNetwork(NETWORK_PAIRS / divisor)
  const scaledPage = Math.round(pageSize / divisor)
  return loadOf({
    sizes: everyNthPage(sizes, scaledPage, every),
    pageSize: scaledPage,
    latencyMs: PAGE_MS / divisor,
  })
}

export function loadOf(load: Pick<Load, 'sizes' | 'pageSize' | 'latencyMs'>): Load {
  const sizes = Object.values(load.sizes)
  const pages = sizes.map((size) => pagesIn(size, load.pageSize))
  return { ...load, pairs: sum(sizes), pages: sum(pages), longest: Math.max(0, ...pages) }
}

/** A list that fills its last page ends with one more, empty. */
export function pagesIn(size: number, pageSize: number): number {
  return Math.floor(size / pageSize) + 1
}

/**
 * A systematic sample: of all pages in a row, from the largest collection to the smallest, each `every`-th. A collection keeps
 * as many pages as the sample took of it, and is gone when that is none.
 */
export function everyNthPage(
  sizes: Readonly<Record<string, number>>,
  pageSize: number,
  every: number,
): Record<string, number> {
  const sample: Record<string, number> = {}
  let passed = Math.floor(every / 2)
  for (const [collection, size] of Object.entries(sizes).toSorted(([, a], [, b]) => b - a)) {
    const before = Math.floor(passed / every)
    const pages = pagesIn(size, pageSize)
    passed += pages
    const taken = Math.floor(passed / every) - before
    // The same share of the repos: it fills as many pages as were taken, none of them more than before.
    if (taken > 0) sample[collection] = Math.floor((size * taken) / pages)
  }
  return sample
}

export interface BoundOptions {
  readonly load: Load
  readonly concurrency: number
  /** How long a page takes, in milliseconds. */
  readonly pageMs: number
  /** What the database takes in without anything else to do. */
  readonly pairsPerSecond: number
}

/** What no program can be faster than, in seconds, and what holds it. */
export interface Bound {
  readonly seconds: number
  readonly by: 'longest walk' | 'all pages' | 'database'
}

export function lowerBound({ load, concurrency, pageMs, pairsPerSecond }: BoundOptions): Bound {
  const limits: readonly Bound[] = [
    { by: 'longest walk', seconds: (load.longest * pageMs) / 1000 },
    { by: 'all pages', seconds: (load.pages * pageMs) / concurrency / 1000 },
    { by: 'database', seconds: load.pairs / pairsPerSecond },
  ]
  return limits.reduce((highest, limit) => (limit.seconds > highest.seconds ? limit : highest))
}

/** What all pages would take, by what some of them took. */
export function projected(seconds: number, sample: Load, whole: Load): number {
  return (seconds * whole.pages) / sample.pages
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

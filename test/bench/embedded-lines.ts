export const STORES = ['SQLite', 'PGlite', 'Postgres'] as const
export const ORDERS = ['random', 'of DIDs'] as const

export interface EmbeddedOptions {
  readonly store: (typeof STORES)[number]
  readonly order: (typeof ORDERS)[number]
  /** A file, a folder or a URL. */
  readonly place: string
  /** The sizes at which it says a line, in order. */
  readonly marks: readonly number[]
  readonly seconds: number
}

/** What a size took. */
export interface EmbeddedMark {
  readonly pairs: number
  /** Since the mark before. */
  readonly pairsPerSecond: number
  /** CPU time of this process for a pair since the mark before, in microseconds. */
  readonly cpuMicros: number
  /** The longest wait for a page of each collection, in milliseconds, since the mark before. */
  readonly longestMs: number
  readonly bytes: number
  /** Since the beginning: what the process, or the server, handed to the system to be written. */
  readonly written: number
  /** The most memory of this process, in megabytes. */
  readonly peakMegabytes: number
  readonly openMs: number
  /** Of the last mark: with what is left to be merged. */
  readonly closeMs?: number
}

/** What a worker is told, as JSON in the first line of its stdin. */
export interface WorkerOptions {
  /** What it calls itself, to the database as its application and to the relay as its user agent. */
  readonly name: string
  /** Of a Postgres, or the path of a file of SQLite. */
  readonly databaseUrl: string
  readonly relayUrl: string
  readonly collections: Readonly<Record<string, number>>
  readonly fence: 'on' | 'off'
}

/** A page of which a worker said that it is durable. */
export interface PageLine {
  readonly event: 'page'
  readonly collection: string
  readonly pages: number
  /** Absent on the last page. */
  readonly cursor?: string | undefined
  /** Whether it was the last of its commit, so that its cursor was saved. */
  readonly saved: boolean
}

/** What a worker says, in the order in which it happened. */
export type WorkerLine =
  | PageLine
  | { readonly event: 'claim lost' | 'store unavailable' }
  | { readonly event: 'collection failed'; readonly code: string }
  /** Why the run ended, when not because everything is complete. */
  | { readonly event: 'ended'; readonly code: string; readonly error: string }

/** How long a collection stays with a worker that gives no sign of life, in milliseconds. */
export const LEASE_MS = 1500

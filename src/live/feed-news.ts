/** What one message of a feed says, as far as an index needs it. */
export type FeedNews = CommitNews | AccountNews | SyncNews | OtherNews | NoticeNews | RefusedNews

/** Where a message stands in its feed. */
interface Told {
  /** The number of the message, or its time for a Jetstream; it only grows. */
  readonly seq: number
  /** When it was sent, in milliseconds since 1970; absent where it says nothing that can be read. */
  readonly time?: number | undefined
}

/** A repo got a new revision. */
export interface CommitNews extends Told {
  readonly kind: 'commit'
  readonly did: string
  readonly rev?: string | undefined
  readonly head?: string | undefined
  /** The collections in which it wrote a record, or proves that it has one. */
  readonly written: readonly string[]
  /** The collections that it left empty, proven. */
  readonly emptied: readonly string[]
  /** The collections in which it deleted records, of which nothing proves whether some are left. */
  readonly unproven: readonly string[]
  /** Whether it says less than it did. */
  readonly isCut: boolean
  /** Records whose collection is no NSID. */
  readonly invalid: number
}

/** The state of an account. */
export interface AccountNews extends Told {
  readonly kind: 'account'
  readonly did: string
  readonly active: boolean
  readonly status?: string | undefined
}

/** A repo has changed as a whole. */
export interface SyncNews extends Told {
  readonly kind: 'sync'
  readonly did: string
  readonly rev?: string | undefined
  readonly head?: string | undefined
}

/** Nothing that an index needs, as `#identity`, or nothing that can be read. */
export interface OtherNews extends Partial<Told> {
  readonly kind: 'other' | 'invalid'
}

/** The server speaks of itself. */
export interface NoticeNews {
  readonly kind: 'notice'
  readonly name: string
  readonly message: string | undefined
}

/** The server ends the connection. */
export interface RefusedNews {
  readonly kind: 'refused'
  readonly error: string
  readonly message: string | undefined
}

export const INVALID: FeedNews = { kind: 'invalid' }

/** A text of an account's state that a database can keep. */
export function statusOf(given: unknown): string | undefined {
  return typeof given === 'string' && /^[\x21-\x7e]{1,64}$/.test(given) ? given : undefined
}

/** A revision: a TID. */
export function revOf(given: unknown): string | undefined {
  return typeof given === 'string' && /^[2-7a-z]{13}$/.test(given) ? given : undefined
}

/** A time in milliseconds. */
export function timeOf(given: unknown): number | undefined {
  const time = typeof given === 'string' ? Date.parse(given) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

/** The account's state, in which `active` and `status` do not contradict each other. */
export function accountState(active: unknown, given: unknown): Pick<AccountNews, 'active' | 'status'> {
  const status = statusOf(given)
  const isActive = active === true
  if (status === undefined || (isActive && status === 'deleted')) return { active: isActive }
  return { active: isActive, status }
}

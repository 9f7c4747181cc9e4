/**
 * What went wrong, as a stable string. Codes are part of the API and change only with a major version;
 * messages are for people and may change at any time.
 */
export type BackfillErrorCode =
  | 'INVALID_OPTION'
  | 'DISCOVERY_FAILED'
  | 'RELAY_UNREACHABLE'
  | 'RELAY_TIMEOUT'
  | 'RELAY_STATUS'
  | 'RELAY_REDIRECT'
  | 'RELAY_BAD_ANSWER'
  | 'RELAY_UNSUITABLE'
  | 'CURSOR_LOOP'
  | 'TOO_MANY_EMPTY_PAGES'
  | 'CLAIM_LOST'
  | 'NOT_MIGRATED'
  | 'NOT_INDEXED'
  | 'NOT_INSTALLED'
  | 'STORE_NOT_OPENED'
  | 'STORE_UNAVAILABLE'
  | 'INCOMPLETE'
  | 'UNION_INCOMPLETE'

/** What a {@link BackfillError} may carry besides its message. */
export interface BackfillErrorOptions {
  cause?: unknown
  /** Whether the same call may succeed later. @default false */
  retryable?: boolean | undefined
  /** How long the server asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined
}

/** The base of every error that this library makes: it says itself whether a retry is worth it. */
export class BackfillError extends Error {
  override readonly name: string = 'BackfillError'
  readonly code: BackfillErrorCode
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** How long the server asked to wait before the next try, in milliseconds; a wait is never shorter. */
  readonly retryAfterMs: number | undefined

  constructor(code: BackfillErrorCode, message: string, options: BackfillErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? false
    this.retryAfterMs = options.retryAfterMs
  }
}

/** An option that cannot be used; the message names it and says what would be right. */
export class InvalidOptionError extends BackfillError {
  override readonly name = 'InvalidOptionError'
  /** The name of the option, as the caller wrote it. */
  readonly option: string

  constructor(option: string, expected: string, given: unknown) {
    super('INVALID_OPTION', `${option} must be ${expected}, not ${show(given)}.`)
    this.option = option
  }
}

/** The request that a {@link RelayError} belongs to, and what the server said. */
export interface RelayErrorDetails extends BackfillErrorOptions {
  relay: string
  collection?: string | undefined
  cursor?: string | undefined
  status?: number | undefined
  error?: string | undefined
  serverMessage?: string | undefined
}

/** A request to a relay, or to a server that knows collections, which did not give a usable answer. */
export class RelayError extends BackfillError {
  override readonly name: string = 'RelayError'
  /** The server that was asked: {@link RepoLister.relay}, or the URL of a discovery source. */
  readonly relay: string
  readonly collection: string | undefined
  /** The cursor that was sent; `undefined` for the first page. */
  readonly cursor: string | undefined
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined
  /** The server's own name for the error: `error` in its JSON answer. */
  readonly error: string | undefined
  /** The server's own explanation: `message` in its JSON answer, or the beginning of a plain text one. */
  readonly serverMessage: string | undefined

  constructor(code: BackfillErrorCode, message: string, details: RelayErrorDetails) {
    super(code, message, details)
    this.relay = details.relay
    this.collection = details.collection
    this.cursor = details.cursor
    this.status = details.status
    this.error = details.error
    this.serverMessage = details.serverMessage
  }
}

/** A relay that cannot serve a backfill: it is empty, or does not know the method. From {@link RepoLister.check}. */
export class RelayUnsuitableError extends RelayError {
  override readonly name = 'RelayUnsuitableError'
  /** `empty`: it answers, with nothing in it. `no-method`: it does not serve `listReposByCollection`. */
  readonly reason: 'empty' | 'no-method'

  constructor(reason: 'empty' | 'no-method', message: string, details: RelayErrorDetails) {
    super('RELAY_UNSUITABLE', message, details)
    this.reason = reason
  }
}

/** No source gave a collection and none is registered from an earlier run. Each source's error is in `errors`. */
export class DiscoveryError extends BackfillError {
  override readonly name = 'DiscoveryError'
  readonly errors: readonly { source: string; error: unknown }[]

  constructor(errors: readonly { source: string; error: unknown }[]) {
    const reasons = errors.map(({ source, error }) => ` ${source}: ${describe(error).replace(/\.$/, '')}`)
    const why =
      reasons.length > 0 ? `Failed:${reasons.join(';')}.` : 'Every source answered with an empty list.'
    super(
      'DISCOVERY_FAILED',
      `No source knows a collection, and none is registered from an earlier run. ${why}`,
    )
    this.errors = errors
  }
}

/** A relay that gave a cursor it had given before: paging on would never end. */
export class CursorLoopError extends BackfillError {
  override readonly name = 'CursorLoopError'
  readonly relay: string
  readonly collection: string
  readonly cursor: string

  constructor(relay: string, collection: string, cursor: string) {
    super(
      'CURSOR_LOOP',
      `${relay} repeats the cursor ${show(cursor)} of ${collection}: its list never ends there.`,
    )
    this.relay = relay
    this.collection = collection
    this.cursor = cursor
  }
}

/** More empty pages in a row, each with a cursor, than any real list has. */
export class TooManyEmptyPagesError extends BackfillError {
  override readonly name = 'TooManyEmptyPagesError'
  readonly relay: string
  readonly collection: string
  readonly cursor: string

  constructor(relay: string, collection: string, cursor: string, pages: number) {
    super('TOO_MANY_EMPTY_PAGES', `${relay} answered ${pages} empty pages in a row for ${collection}.`)
    this.relay = relay
    this.collection = collection
    this.cursor = cursor
  }
}

/** The claim is not ours any more: another worker took the collection over, or it was reset. Nothing was changed. */
export class ClaimLostError extends BackfillError {
  override readonly name = 'ClaimLostError'
  readonly relay: string
  readonly collection: string
  readonly epoch: number

  constructor(claim: { relay: string; collection: string; epoch: number }) {
    super(
      'CLAIM_LOST',
      `The claim on ${claim.collection} (${claim.relay}, epoch ${claim.epoch}) was lost to another worker.`,
    )
    this.relay = claim.relay
    this.collection = claim.collection
    this.epoch = claim.epoch
  }
}

/** The tables are missing or older than this version; the message names the migration to run. */
export class NotMigratedError extends BackfillError {
  override readonly name = 'NotMigratedError'

  constructor(cause: unknown) {
    super(
      'NOT_MIGRATED',
      `The backfill's tables are missing or out of date (${describe(cause)}). Run \`await migrateToLatest(db)\` ` +
        "from 'atproto-collection-backfill/kysely' once before the run, with the same `schema`.",
      { cause },
    )
  }
}

/** There is no index by DID, or it is not finished; without it, the answer would take a look at every pair. */
export class NotIndexedError extends BackfillError {
  override readonly name = 'NotIndexedError'

  constructor() {
    super(
      'NOT_INDEXED',
      'There is no index by DID yet, or it is not finished. Run `await createDidIndex(db)` from ' +
        "'atproto-collection-backfill/kysely' once, after the import, with the same `schema`.",
    )
  }
}

/**
 * The store cannot be used at the moment: unreachable, restarting, full, read-only. Nothing was changed, or, when the
 * answer to a commit was lost for good, it is not known: making the same call again is safe either way.
 */
export class StoreUnavailableError extends BackfillError {
  override readonly name = 'StoreUnavailableError'

  constructor(message: string, cause: unknown) {
    super('STORE_UNAVAILABLE', message, { cause, retryable: true })
  }
}

/** One collection that a run could not complete. */
export interface CollectionFailure {
  relay: string
  collection: string
  /** How often it was tried since it was registered anew. */
  attempts: number
  /** The last error, in the server's words where it gave any. */
  lastError: string
}

/** The run is over and some collections are not complete; everything else is. */
export class IncompleteError extends BackfillError {
  override readonly name = 'IncompleteError'
  readonly failures: readonly CollectionFailure[]

  constructor(failures: readonly CollectionFailure[]) {
    const lines = failures.slice(0, 10).map((failure) => `\n  ${failure.collection}: ${failure.lastError}`)
    const more = failures.length > 10 ? `\n  and ${failures.length - 10} more` : ''
    super(
      'INCOMPLETE',
      `${failures.length} ${failures.length === 1 ? 'collection is' : 'collections are'} not complete; ` +
        `a new run tries again.${lines.join('')}${more}`,
    )
    this.failures = failures
  }
}

/** One relay whose run did not complete, and why. */
export interface RelayFailure {
  relay: string
  error: unknown
}

/** A union is over and some of its relays are not complete; what the others know is in the index. */
export class UnionIncompleteError extends BackfillError {
  override readonly name = 'UnionIncompleteError'
  /** Each with the error that its own run ended with. */
  readonly failures: readonly RelayFailure[]

  constructor(failures: readonly RelayFailure[], relays: number) {
    const lines = failures.map(({ relay, error }) => `\n${relay}: ${describe(error)}`)
    super(
      'UNION_INCOMPLETE',
      `${failures.length} of ${relays} relays ${failures.length === 1 ? 'is' : 'are'} not complete; what the others know ` +
        `is in the index, and a new run tries again.${lines.join('')}`,
    )
    this.failures = failures
  }
}

/** Whether an error has this code: also true for an error made by another copy of this package. */
export function hasCode(error: unknown, code: BackfillErrorCode): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** The wait that the error carries, in milliseconds; 0 without one. */
export function retryAfterMs(error: unknown): number {
  const asked = error instanceof Error && 'retryAfterMs' in error ? error.retryAfterMs : undefined
  return typeof asked === 'number' ? asked : 0
}

/** An error in one line: its message, with the cause where the message alone says little. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  const because = cause instanceof Error && cause.message !== '' && !error.message.includes(cause.message)
  const message = error.message === '' ? error.name : error.message
  return because ? `${message.replace(/\.$/, '')}: ${cause.message}` : message
}

/** A value as it would be written in code, cut to a readable length. */
function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

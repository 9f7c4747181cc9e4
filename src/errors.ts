import type { CollectionFailure, HostFailure, RelayFailure } from './contracts/run-failures.ts'
import { incompleteText, show, undiscoveredText } from './util/describe.ts'

/** What a {@link BackfillError} may carry besides its message. */
export interface BackfillErrorOptions {
  cause?: unknown
  /** Whether the same call may succeed later. @default false */
  retryable?: boolean | undefined
  /** How long the server asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined
  /** `run`: the error concerns everything, and no other collection would fare better. @default undefined */
  scope?: 'run' | undefined
}

/**
 * The base of every error that this library makes, and of errors of your own: it says itself whether a retry is worth
 * it (`retryable`, `retryAfterMs`) and what it concerns (`scope`). A code of your own is any other string.
 */
export class BackfillError extends Error {
  override readonly name: string = 'BackfillError'
  /** What went wrong, as a stable string: one of the codes below, or a code of your own. */
  readonly code: BackfillErrorCode | (string & {})
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** How long the server asked to wait before the next try, in milliseconds; a wait is never shorter. */
  readonly retryAfterMs: number | undefined
  /**
   * `run`: the error concerns everything; a run in which an adapter throws it ends. Otherwise one collection or call
   * failed.
   */
  readonly scope: 'run' | undefined

  constructor(code: BackfillErrorCode | (string & {}), message: string, options: BackfillErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? false
    this.retryAfterMs = options.retryAfterMs
    this.scope = options.scope
  }
}

/**
 * Every code of this library with the class that carries it. Codes are part of the API and change only with a major
 * version; messages are for people and may change at any time.
 */
export interface BackfillErrors {
  /** An option cannot be used. Correct the `option` that it names. */
  INVALID_OPTION: InvalidOptionError
  /** A run that was iterated, or has ended, was iterated again. Create a new one. */
  RUN_ENDED: BackfillError
  /** A package is missing. Install what the message names. */
  NOT_INSTALLED: BackfillError
  /** There was no connection to the relay. Retried. */
  RELAY_UNREACHABLE: RelayError
  /** The relay did not answer in time. Retried. */
  RELAY_TIMEOUT: RelayError
  /**
   * The relay answered with an error: see `status`, `error` and `serverMessage`. Retried for 408, 421, 425, 429, 5xx
   * but 501, and 403 with `Retry-After`.
   */
  RELAY_STATUS: RelayError
  /** The relay sends its clients elsewhere. Give its new address. */
  RELAY_REDIRECT: RelayError
  /** The answer is not a page, or it was cut short. Retried twice, and never taken for the end of a list. */
  RELAY_BAD_ANSWER: RelayError
  /** The relay is empty, lacks the method or refuses the page size, as `reason` says. Use another one, or do as it says. */
  RELAY_UNSUITABLE: RelayUnsuitableError
  /** The relay repeats a cursor, so its list has no end. Tell its operator. */
  CURSOR_LOOP: CursorLoopError
  /** The relay returned a hundred empty pages in a row, each with a cursor. Tell its operator. */
  TOO_MANY_EMPTY_PAGES: TooManyEmptyPagesError
  /**
   * The relay's cursors changed their meaning during a walk: it was rebuilt, restored or replaced. The walk begins again
   * at the first page, once. If that comes again, give the address of a single instance of the relay.
   */
  CURSORS_CHANGED: CursorsChangedError
  /** A source of collections did not end in time. What the other sources know counts, and a later run asks it again. */
  SOURCE_TIMEOUT: BackfillError
  /** Another worker took the collection over, or it was reset or cancelled. Nothing to do: the run goes on with other work. */
  CLAIM_LOST: ClaimLostError
  /** The store cannot be used at the moment: unreachable, restarting, full, read-only. The run waits for it. */
  STORE_UNAVAILABLE: StoreUnavailableError
  /** The database refuses the user or the password, or does not exist. The message says which. */
  STORE_NOT_OPENED: BackfillError
  /** The user of the database lacks a right, which the message names. Grant it, or use another user. */
  STORE_NOT_PERMITTED: BackfillError
  /** The tables are missing or older than this version. Run `await migrateToLatest(db)`. */
  NOT_MIGRATED: BackfillError
  /** The index by DID is missing. Run `await createDidIndex(db)`, which `collectionsOf` needs. */
  NOT_INDEXED: BackfillError
  /**
   * The text of an import breaks off, or is no text that can be read. What came before is in the index. Get the whole
   * text, and import it again.
   */
  INPUT_BROKEN: BackfillError
  /** A crawl leaves the host out: it is no host to be crawled, and the message says why. The crawl goes on with others. */
  HOST_LEFT_OUT: BackfillError
  /** A host names more pairs on one page than a crawl takes. Those of one repo are left out; the crawl goes on. */
  TOO_MANY_PAIRS: BackfillError
  /** No source knew a collection: `errors` says why. Name the collections. */
  DISCOVERY_FAILED: DiscoveryError
  /**
   * The run has ended and some collections failed, or hosts of a crawl: `failures` and `hosts` list them with their
   * reasons. A new run retries them.
   */
  INCOMPLETE: IncompleteError
  /** A prune would remove more than `maxShare` allows. Look at its numbers, then raise `maxShare` or give a `confirm`. */
  PRUNE_REFUSED: PruneRefusedError
}

/** The codes of this library. */
export type BackfillErrorCode = keyof BackfillErrors

/**
 * Whether an error is a {@link BackfillError}, with this code if one is given. Also true for an error that another copy
 * of this package made. With a code of this library, the error's class is known: after
 * `isBackfillError(error, 'CLAIM_LOST')` there is `error.epoch`.
 */
export function isBackfillError(error: unknown): error is BackfillError
export function isBackfillError<Code extends BackfillErrorCode>(
  error: unknown,
  code: Code,
): error is BackfillErrors[Code] & { readonly code: Code }
export function isBackfillError<Code extends string>(
  error: unknown,
  code: Code,
): error is BackfillError & { readonly code: Code }
export function isBackfillError(error: unknown, code?: string): boolean {
  if (!(error instanceof Error) || !('code' in error) || !('retryable' in error)) return false
  if (typeof error.code !== 'string' || typeof error.retryable !== 'boolean') return false
  return code === undefined || error.code === code
}

/** An option that cannot be used; the message names it and says what would be right. */
export class InvalidOptionError extends BackfillError {
  override readonly name = 'InvalidOptionError'
  declare readonly code: 'INVALID_OPTION'
  /** The name of the option, as the caller wrote it. */
  readonly option: string

  constructor(
    option: string,
    expected: string,
    given: unknown,
    message = `${option} must be ${expected}, not ${show(given)}.`,
  ) {
    super('INVALID_OPTION', message, { scope: 'run' })
    this.option = option
  }

  /** An option that does not exist, and what to write instead. */
  static unknown(option: string, instead: string): InvalidOptionError {
    return new InvalidOptionError(option, '', undefined, `unknown option ${option}; ${instead}`)
  }
}

/** The codes of a {@link RelayError}. */
export type RelayErrorCode = Extract<BackfillErrorCode, `RELAY_${string}`>

/** The request that a {@link RelayError} belongs to, and what the server said. */
export interface RelayErrorDetails extends BackfillErrorOptions {
  relay: string
  collection?: string | undefined
  cursor?: string | undefined
  cursorRefused?: boolean | undefined
  status?: number | undefined
  error?: string | undefined
  serverMessage?: string | undefined
}

/** A request to a relay, or to a server that knows collections, which did not give a usable answer. */
export class RelayError extends BackfillError {
  override readonly name: string = 'RelayError'
  declare readonly code: RelayErrorCode
  /** The server that was asked: {@link RepoLister.relay}, or the URL of a discovery source. */
  readonly relay: string
  readonly collection: string | undefined
  /** The cursor that was sent; `undefined` for the first page. */
  readonly cursor: string | undefined
  /**
   * Whether the server may have refused the cursor: it answered a request with a cursor by an error other than a
   * timeout or too many requests. If it serves the first page, the walk begins again there.
   */
  readonly cursorRefused: boolean
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined
  /** The server's own name for the error: `error` in its JSON answer. */
  readonly error: string | undefined
  /** The server's own explanation: `message` in its JSON answer, or the beginning of a plain text one. */
  readonly serverMessage: string | undefined

  constructor(code: RelayErrorCode, message: string, details: RelayErrorDetails) {
    super(code, message, details)
    this.relay = details.relay
    this.collection = details.collection
    this.cursor = details.cursor
    this.cursorRefused = details.cursorRefused ?? false
    this.status = details.status
    this.error = details.error
    this.serverMessage = details.serverMessage
  }
}

/**
 * A relay that cannot serve a backfill: it is empty, does not know the method, or refuses the page size. From
 * {@link RepoLister.check}.
 */
export class RelayUnsuitableError extends RelayError {
  override readonly name = 'RelayUnsuitableError'
  declare readonly code: 'RELAY_UNSUITABLE'
  /**
   * `empty`: it answers, with nothing in it. `no-method`: it does not serve `listReposByCollection`. `page-size`: it
   * serves smaller pages alone.
   */
  readonly reason: 'empty' | 'no-method' | 'page-size'

  constructor(reason: RelayUnsuitableError['reason'], message: string, details: RelayErrorDetails) {
    super('RELAY_UNSUITABLE', message, { ...details, scope: 'run' })
    this.reason = reason
  }
}

/** A relay whose list has no end. */
class EndlessListError extends BackfillError {
  /** The relay, or the index where that is read. */
  declare readonly relay: string
  declare readonly collection: string
  declare readonly cursor: string

  constructor(
    code: BackfillErrorCode,
    message: string,
    at: { relay: string; collection: string; cursor: string },
  ) {
    super(code, message)
    Object.assign(this, at)
  }
}

/** A relay that gave a cursor it had given before: paging on would never end. */
export class CursorLoopError extends EndlessListError {
  override readonly name = 'CursorLoopError'
  declare readonly code: 'CURSOR_LOOP'

  constructor(relay: string, collection: string, cursor: string) {
    const message = `${relay} returned the cursor ${show(cursor)} for ${collection} twice; stopped to avoid an endless loop. Tell its operator.`
    super('CURSOR_LOOP', message, { relay, collection, cursor })
  }
}

/** More empty pages in a row, each with a cursor, than any real list has. */
export class TooManyEmptyPagesError extends EndlessListError {
  override readonly name = 'TooManyEmptyPagesError'
  declare readonly code: 'TOO_MANY_EMPTY_PAGES'

  constructor(relay: string, collection: string, cursor: string, pages: number) {
    const message = `${relay} returned ${pages} empty pages in a row for ${collection}; stopped to avoid an endless loop. Tell its operator.`
    super('TOO_MANY_EMPTY_PAGES', message, { relay, collection, cursor })
  }
}

/**
 * A relay whose cursors mean something else than when the walk began. What the walk has imported since may be of other
 * collections, and some of its own may be missing.
 */
export class CursorsChangedError extends BackfillError {
  override readonly name = 'CursorsChangedError'
  declare readonly code: 'CURSORS_CHANGED'
  readonly relay: string
  readonly collection: string

  constructor(relay: string, collection: string) {
    const message =
      `The cursors of ${relay} changed their meaning while ${collection} was read: the relay was rebuilt, restored ` +
      'or replaced, or several instances answer under its name; then give the address of one of them. What was ' +
      'imported before may be surplus: verify finds it.'
    super('CURSORS_CHANGED', message)
    this.relay = relay
    this.collection = collection
  }
}

/**
 * This worker no longer holds the claim: another worker took the collection over, or it was reset or cancelled. Nothing was
 * changed.
 */
export class ClaimLostError extends BackfillError {
  override readonly name = 'ClaimLostError'
  declare readonly code: 'CLAIM_LOST'
  readonly relay: string
  readonly collection: string
  readonly epoch: number

  constructor({ relay, collection, epoch }: { relay: string; collection: string; epoch: number }) {
    const message =
      `The claim on ${collection} (${relay}, epoch ${epoch}) is lost: another worker took the collection over, ` +
      'or it was reset or cancelled. Nothing was changed.'
    super('CLAIM_LOST', message)
    this.relay = relay
    this.collection = collection
    this.epoch = epoch
  }
}

/**
 * The store cannot be used at the moment: unreachable, restarting, full, read-only. Nothing was changed, or, when the
 * answer to a commit was lost for good, it is not known: making the same call again is safe either way.
 */
export class StoreUnavailableError extends BackfillError {
  override readonly name = 'StoreUnavailableError'
  declare readonly code: 'STORE_UNAVAILABLE'

  constructor(message: string, cause?: unknown) {
    super('STORE_UNAVAILABLE', message, { cause, retryable: true })
  }
}

/** No source gave a collection, or a host, and none is registered from an earlier run. Each source's error is in `errors`. */
export class DiscoveryError extends BackfillError {
  override readonly name = 'DiscoveryError'
  declare readonly code: 'DISCOVERY_FAILED'
  readonly errors: readonly { source: string; error: unknown }[]

  constructor(
    errors: readonly { source: string; error: unknown }[],
    message: string = undiscoveredText(errors),
  ) {
    const retryable = errors.some(({ error }) => isBackfillError(error) && error.retryable)
    super('DISCOVERY_FAILED', message, { scope: 'run', retryable })
    this.errors = errors
  }
}

/** The run is over and some collections, or hosts, are not complete; everything else is. */
export class IncompleteError extends BackfillError {
  override readonly name = 'IncompleteError'
  declare readonly code: 'INCOMPLETE'
  /** The collections that failed, of all relays. */
  readonly failures: readonly CollectionFailure[]
  /** Of several relays, those whose run failed as a whole. One relay alone fails with its own error. */
  readonly relays: readonly RelayFailure[]
  /** The hosts that a crawl could not complete. */
  readonly hosts: readonly HostFailure[]

  constructor(
    failures: readonly CollectionFailure[],
    relays: readonly RelayFailure[] = [],
    hosts: readonly HostFailure[] = [],
  ) {
    super('INCOMPLETE', incompleteText({ failures, relays, hosts }), { scope: 'run' })
    this.failures = failures
    this.relays = relays
    this.hosts = hosts
  }
}

/** What a {@link PruneRefusedError} tells. */
export interface PruneRefusal {
  readonly relay: string
  /** Pairs in the index. */
  readonly pairs: number
  /** How many of these may be removed. */
  readonly mayRemove: number
  /** The pairs among those whose accounts the relay's list does not name. */
  readonly unlistedPairs: number
}

/**
 * A prune that may remove more of the index than it is allowed to without asking. Nothing was removed. Where most of it is
 * of accounts that the list does not name, the relay's list is not whole.
 */
export class PruneRefusedError extends BackfillError {
  override readonly name = 'PruneRefusedError'
  declare readonly code: 'PRUNE_REFUSED'
  readonly refusal: PruneRefusal

  constructor(refusal: PruneRefusal, maxShare: number) {
    const { relay, pairs, mayRemove, unlistedPairs } = refusal
    const percent = (part: number) => `${Math.round(part * 1000) / 10} %`
    super(
      'PRUNE_REFUSED',
      `Pruning by ${relay} may remove ${mayRemove} of ${pairs} pairs (${percent(mayRemove / pairs)}), more than ` +
        `${percent(maxShare)}; nothing was removed. Of these, ${unlistedPairs} are of accounts that its list does not name. If ` +
        'that is as it should be, allow it: raise maxShare or give a confirm; on the command line, use --yes.',
    )
    this.refusal = refusal
  }
}

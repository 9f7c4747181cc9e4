import type { CollectionFailure, HostFailure, RelayFailure } from './contracts/run-failures.ts'
import { BackfillError, type BackfillErrorCode } from './errors/backfill-error.ts'
import type {
  CursorLoopError,
  CursorsChangedError,
  RelayError,
  RelayUnsuitableError,
  TooManyEmptyPagesError,
} from './errors/relay-errors.ts'
import { incompleteText, show, undiscoveredText } from './util/describe.ts'

export { BackfillError, type BackfillErrorCode, type BackfillErrorOptions } from './errors/backfill-error.ts'
export {
  CursorLoopError,
  CursorsChangedError,
  RelayError,
  type RelayErrorCode,
  type RelayErrorDetails,
  RelayUnsuitableError,
  TooManyEmptyPagesError,
} from './errors/relay-errors.ts'

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
   * reasons. A new run retries them, but for collections that were cancelled.
   */
  INCOMPLETE: IncompleteError
  /** A prune would remove more than `maxShare` allows. Look at its numbers, then raise `maxShare` or give a `confirm`. */
  PRUNE_REFUSED: PruneRefusedError
}

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

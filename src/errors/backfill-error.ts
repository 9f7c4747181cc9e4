/** The codes of this library: {@link BackfillErrors} says what each means. */
export type BackfillErrorCode =
  | 'INVALID_OPTION'
  | 'RUN_ENDED'
  | 'NOT_INSTALLED'
  | 'RELAY_UNREACHABLE'
  | 'RELAY_TIMEOUT'
  | 'RELAY_STATUS'
  | 'RELAY_REDIRECT'
  | 'RELAY_BAD_ANSWER'
  | 'RELAY_UNSUITABLE'
  | 'CURSOR_LOOP'
  | 'TOO_MANY_EMPTY_PAGES'
  | 'CURSORS_CHANGED'
  | 'SOURCE_TIMEOUT'
  | 'CLAIM_LOST'
  | 'STORE_UNAVAILABLE'
  | 'STORE_NOT_OPENED'
  | 'STORE_NOT_PERMITTED'
  | 'NOT_MIGRATED'
  | 'NOT_INDEXED'
  | 'INPUT_BROKEN'
  | 'HOST_LEFT_OUT'
  | 'TOO_MANY_PAIRS'
  | 'DISCOVERY_FAILED'
  | 'INCOMPLETE'
  | 'PRUNE_REFUSED'

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

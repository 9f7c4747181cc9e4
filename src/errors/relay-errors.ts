import { show } from '../util/describe.ts'
import { BackfillError, type BackfillErrorCode, type BackfillErrorOptions } from './backfill-error.ts'

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

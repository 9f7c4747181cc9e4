import type { BackfillListener, PageEvent } from '../../contracts/events.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import { InvalidOptionError } from '../../errors.ts'
import { mustHave } from '../../util/validate-options.ts'
import { type AllowedSources, allowedSources } from './allowed-relays.ts'
import { bearerCheck } from './bearer-token.ts'
import type { AdminOutcome } from './wire-types.ts'

/** What a run is made from: to be passed on to `relayLister` and `createBackfiller`. */
export interface AdminRunContext {
  /** The relay, as `relayLister` takes it. */
  readonly relay: string
  /** Aborts when the run is to stop. */
  readonly signal: AbortSignal
  /** For `createBackfiller`: status and stream are made of the events. */
  readonly onEvent: BackfillListener
}

/** Who may do what, and how a run is made. */
export interface AdminHandlerOptions {
  /**
   * What requests have to carry as `Authorization: Bearer …`: at least 16 visible ASCII characters. Whoever has it can
   * start and stop runs, so make it long and random, and serve it over TLS.
   */
  token: string
  /**
   * Makes a run, for each that is started: a backfiller, or an async generator that passes on the pages of one and closes
   * what it has opened. It is left when the run is to stop; a generator has to pass the signal on for that.
   */
  backfill: (context: AdminRunContext) => AsyncIterable<PageEvent> | Promise<AsyncIterable<PageEvent>>
  /** Where the place is kept: the same store that the runs use. */
  progress: ProgressStore
  /**
   * The relays that a run may be started with, as `relayLister` takes them. Name them where you can: whoever has the
   * token chooses whom this server sends requests to. With one, requests need not name it.
   *
   * @default any public host name, on https: no address, no port, no name of a private network. What such a name resolves
   * to is not looked at
   */
  allowedSources?: readonly string[] | undefined
  /** The path of the endpoint, as requests have it. @default '/admin/backfill-collections' */
  path?: string | undefined
  /** Stops the run and ends the event streams, when the process is to end; then every request is answered with 503. */
  signal?: AbortSignal | undefined
  /** Told when a run is over, however it ended: for a log or an alarm. */
  onEnd?: ((context: { relay: string; outcome: AdminOutcome; error?: unknown }) => void) | undefined
  /** Told of each request that is answered with a status of 500 or more for a reason that is not the run's. */
  onError?: ((context: { request: Request; error: unknown }) => void) | undefined
}

/** The options with nothing left open. */
export interface AdminSettings {
  readonly isAllowed: (request: Request) => Promise<boolean>
  readonly backfill: AdminHandlerOptions['backfill']
  readonly progress: ProgressStore
  readonly allowed: AllowedSources
  readonly path: string
  readonly signal: AbortSignal | undefined
  readonly onEnd: NonNullable<AdminHandlerOptions['onEnd']>
  readonly onError: NonNullable<AdminHandlerOptions['onError']>
}

/** @throws InvalidOptionError for the first option that cannot be used */
export function adminSettings(options: AdminHandlerOptions): AdminSettings {
  const { backfill, progress, path = '/admin/backfill-collections' } = options
  const isAllowed = bearerCheck(options.token)
  if (typeof backfill !== 'function') {
    throw new InvalidOptionError('backfill', 'a function that returns createBackfiller({ … })', backfill)
  }
  mustHave('progress', progress, 'list', 'a ProgressStore such as store.progress')
  if (!/^(?:\/[^/?#\s]+)+$/.test(path)) {
    throw new InvalidOptionError('path', 'a path such as /admin/backfill-collections', path)
  }
  return {
    isAllowed,
    backfill,
    progress,
    allowed: allowedSources(options.allowedSources),
    path,
    signal: options.signal,
    onEnd: options.onEnd ?? (() => {}),
    onError: options.onError ?? (() => {}),
  }
}

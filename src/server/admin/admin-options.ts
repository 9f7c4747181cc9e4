import type { BackfillListener, PageEvent } from '../../contracts/events.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import { InvalidOptionError } from '../../errors.ts'
import { mustHave, type OptionNames, refuseUnknown } from '../../util/validate-options.ts'
import { type AllowedRelays, allowedRelays } from './allowed-relays.ts'
import { bearerCheck } from './bearer-token.ts'
import type { AdminOutcome } from './wire-types.ts'

/** What a run is made from: to be passed on to `createBackfiller`, whole. */
export interface AdminRunContext {
  /** The relay, as `relayLister` takes it. */
  readonly relay: string
  /** Aborts when the run is to stop. */
  readonly signal: AbortSignal
  /** For `createBackfiller`: status and stream are made of the events. */
  readonly onEvent: BackfillListener
  /** Whether single collections are retried, so that the others that failed are to stay as they are. */
  readonly keepFailed: boolean
}

/** Who may do what, and how to make a run. */
export interface AdminHandlerOptions {
  /**
   * What requests have to carry as `Authorization: Bearer …`: at least 16 visible ASCII characters. It lets its owner
   * start and stop runs: make it long and random, and serve it over TLS.
   */
  token: string
  /**
   * Makes a run each time that one is started: a backfiller, or an async generator that passes on the pages of one and
   * closes what it has opened. A generator has to pass the signal on, so that the run can be stopped.
   */
  backfill: (context: AdminRunContext) => AsyncIterable<PageEvent> | Promise<AsyncIterable<PageEvent>>
  /** Where cursors and claims are stored: the same store that the runs use. */
  progress: ProgressStore
  /**
   * The relays that a run may be started with, as `relayLister` takes them. Name them if you can: the owner of the
   * token chooses the hosts that this server sends requests to. If there is only one, requests need not name it.
   *
   * @default any public host name, on https: no address, no port, no name of a private network. The address behind such
   * a name is not looked up, for it may be another one a moment later: what protects a server behind it is that the
   * request is a GET on https, to a fixed path, with a certificate for the name
   */
  allowedRelays?: readonly string[] | undefined
  /** The path of the endpoint, as requests have it. @default '/admin/backfill-collections' */
  path?: string | undefined
  /** Stops the run and ends the event streams, when the process is to end; then every request is answered with 503. */
  signal?: AbortSignal | undefined
  /** Called when a run is over, no matter how it ended: for a log or an alarm. */
  onEnd?: ((context: { relay: string; outcome: AdminOutcome; error?: unknown }) => void) | undefined
  /** Called for each request that is answered with a status of 500 or more for another reason than a failed run. */
  onError?: ((context: { request: Request; error: unknown }) => void) | undefined
}

const OPTIONS: OptionNames<AdminHandlerOptions> = {
  token: true,
  backfill: true,
  progress: true,
  allowedRelays: true,
  path: true,
  signal: true,
  onEnd: true,
  onError: true,
}

/** The options with nothing left open. */
export interface AdminSettings {
  readonly isAllowed: (request: Request) => Promise<boolean>
  /** Whether nothing can be changed, and no token is asked for: then the page shows no buttons for it. */
  readonly isWatchOnly: boolean
  readonly backfill: AdminHandlerOptions['backfill']
  readonly progress: ProgressStore
  readonly allowed: AllowedRelays
  readonly path: string
  readonly signal: AbortSignal | undefined
  readonly onEnd: NonNullable<AdminHandlerOptions['onEnd']>
  readonly onError: NonNullable<AdminHandlerOptions['onError']>
}

/** @throws InvalidOptionError for the first option that cannot be used */
export function adminSettings(options: AdminHandlerOptions): AdminSettings {
  refuseUnknown(options, OPTIONS, { meant: { store: 'progress' } })
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
    isWatchOnly: false,
    backfill,
    progress,
    allowed: allowedRelays(options.allowedRelays),
    path,
    signal: options.signal,
    onEnd: options.onEnd ?? (() => {}),
    onError: options.onError ?? (() => {}),
  }
}

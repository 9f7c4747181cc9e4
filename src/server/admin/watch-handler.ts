import type { BackfillEvent, BackfillListener, PageEvent } from '../../contracts/events.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import { abortable } from '../../util/abort.ts'
import { handlerOf } from './admin-handler.ts'
import type { AdminRunContext } from './admin-options.ts'
import { allowedRelays } from './allowed-relays.ts'

/** What can be watched, and where. */
export interface WatchHandlerOptions {
  /** {@link RepoLister.relay} */
  readonly relay: string
  readonly progress: ProgressStore
  /** The path of the page. */
  readonly path: string
  readonly onError: (context: { request: Request; error: unknown }) => void
}

/** A run over the relay, as long as it is under way. */
export interface WatchedRun {
  /** Takes an event of it. */
  handle(event: BackfillEvent): void
  /** It is over. @param error what ended it, unless everything is complete */
  end(error?: unknown): Promise<void>
}

/** Answers requests. */
export interface WatchHandler extends AsyncDisposable {
  (request: Request): Promise<Response>
  /** A run begins. The one before has ended. */
  begin(): WatchedRun
}

/**
 * Shows the runs of a program that begins them itself: the status page and what it reads, for all who can reach it.
 * Nothing can be changed, so there is no token.
 */
export function watchHandler({ relay, progress, path, onError }: WatchHandlerOptions): WatchHandler {
  let current = createFollowed()
  const handler = handlerOf({
    isAllowed: async () => true,
    isWatchOnly: true,
    backfill: (context) => current.follow(context),
    progress,
    allowed: allowedRelays([relay]),
    path,
    signal: undefined,
    onEnd: () => {},
    onError,
  })
  const begin = (): WatchedRun => {
    const followed = createFollowed()
    current = followed
    const ended = handler.run(relay)
    return {
      handle: followed.handle,
      async end(error) {
        followed.end(error)
        await ended
      },
    }
  }
  return Object.assign((request: Request) => handler(request), {
    begin,
    [Symbol.asyncDispose]: () => handler.close(),
  })
}

/** A run that another part of the program does, as one that the handler began itself. */
interface Followed {
  handle(this: void, event: BackfillEvent): void
  end(error: unknown): void
  follow(context: Pick<AdminRunContext, 'onEvent' | 'signal'>): AsyncIterable<PageEvent>
}

function createFollowed(): Followed {
  const ended = Promise.withResolvers<void>()
  // It may end before the handler looks.
  ended.promise.catch(() => {})
  /** What comes before the handler has read how far the work was. */
  const early: BackfillEvent[] = []
  let listener: BackfillListener | undefined
  return {
    handle(event) {
      if (listener === undefined) early.push(event)
      else listener(event)
    },
    end: (error) => (error === undefined ? ended.resolve() : ended.reject(error)),
    follow({ onEvent, signal }) {
      for (const event of early.splice(0)) onEvent(event)
      listener = onEvent
      const next = async (): Promise<IteratorResult<PageEvent>> => {
        await abortable(ended.promise, signal)
        return { done: true, value: undefined }
      }
      return { [Symbol.asyncIterator]: () => ({ next }) }
    },
  }
}

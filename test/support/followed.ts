import type { FeedEvent } from '../../src/contracts/feed-events.ts'
import type { RepoIndex } from '../../src/contracts/repo-index.ts'
import { type FeedOptions, type FeedTarget, followFeed } from '../../src/live/index.ts'

type EventOf<Type extends FeedEvent['type']> = Extract<FeedEvent, { type: Type }>

/** A feed that is followed until it is disposed of, and what it told. */
export interface Followed extends AsyncDisposable {
  readonly events: readonly FeedEvent[]
  of<Type extends FeedEvent['type']>(type: Type): EventOf<Type>[]
  /** Resolves once so many events of this kind have come. @returns the last of them */
  told<Type extends FeedEvent['type']>(type: Type, count?: number): Promise<EventOf<Type>>
  /** Resolves once the feed is durable up to there. */
  upTo(seq: number): Promise<void>
  /** Resolves once an event fits. */
  until(fits: () => boolean): Promise<void>
  /** Ends it. @returns what it rejected with */
  stop(reason?: unknown): Promise<unknown>
  /** What it rejected with, when it ends by itself. */
  readonly ended: Promise<unknown>
}

export function follow(relay: string, store: FeedTarget, options: Partial<FeedOptions> = {}): Followed {
  const stop = new AbortController()
  const events: FeedEvent[] = []
  let news = Promise.withResolvers<void>()
  const onEvent = (event: FeedEvent) => {
    events.push(event)
    news.resolve()
    news = Promise.withResolvers()
    return options.onEvent?.(event)
  }
  const ended = followFeed({ relay, store, batchMs: 20, ...options, signal: stop.signal, onEvent }).catch(
    (error: unknown) => {
      news.resolve()
      return error
    },
  )
  let hasEnded: { error: unknown } | undefined
  ended.then((error) => {
    hasEnded = { error }
  })
  const of = <Type extends FeedEvent['type']>(type: Type) =>
    events.filter((event): event is EventOf<Type> => event.type === type)
  const until = async (fits: () => boolean) => {
    while (!fits()) {
      await news.promise
      if (hasEnded !== undefined && !fits()) throw hasEnded.error
    }
  }
  const end = (reason: unknown = new Error('the end of the test')) => {
    stop.abort(reason)
    return ended
  }
  return {
    events,
    of,
    until,
    ended,
    stop: end,
    upTo: (seq) => until(() => of('batch').some(({ cursor }) => Number(cursor) >= seq)),
    async told(type, count = 1) {
      await until(() => of(type).length >= count)
      const event = of(type)[count - 1]
      if (event === undefined) throw new Error('It was told.')
      return event
    },
    async [Symbol.asyncDispose]() {
      await end()
    },
  }
}

/** The pairs of an index. */
export async function pairsOf(index: RepoIndex): Promise<string[]> {
  const { collections } = (await index.listCollections?.({ limit: 10_000 })) ?? { collections: [] }
  const pairs: string[] = []
  for (const { nsid } of collections) {
    const { dids } = await index.listRepos(nsid, { limit: 10_000 })
    pairs.push(...dids.map((did) => `${nsid} ${did}`))
  }
  return pairs.sort()
}

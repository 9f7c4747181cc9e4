import type { FeedEvent } from '../../contracts/feed-events.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import { followFeed } from '../../live/index.ts'
import { abortable } from '../../util/abort.ts'
import { duration, plural } from '../../util/format.ts'
import type { TextMeter } from '../metrics/text-meter.ts'
import { type FeedFigures, takeFeedEvent } from './feed-figures.ts'
import { createFeedMetrics } from './feed-metrics.ts'
import type { ServeReport } from './serve-report.ts'

/** Follows a feed for a service. */
export interface FeedFollower {
  readonly figures: Readonly<FeedFigures>
  /** Follows until the signal aborts, or something is wrong that does not pass. */
  follow(store: OpenedStore, report: ServeReport, signal: AbortSignal): Promise<number>
  /**
   * Resolves once the feed is followed, by this process or another one, with the moment since when that is without a gap.
   */
  followedSince(store: OpenedStore, signal: AbortSignal): Promise<Date | undefined>
  /** In a few words; nothing where no feed is followed. */
  text(): string | undefined
}

export function createFeedFollower(address: string | undefined, meter: TextMeter): FeedFollower {
  const figures: FeedFigures = {
    role: address === undefined ? 'off' : 'connecting',
    messages: 0,
    lagMs: undefined,
    cursor: undefined,
  }
  const live = Promise.withResolvers<{ feed: string; since: Date }>()
  const record = createFeedMetrics(meter, figures)

  function handle(event: FeedEvent, report: ServeReport): void {
    record(event)
    takeFeedEvent(figures, event)
    if (event.type === 'live') live.resolve(event)
    report.feed(event)
  }

  return {
    figures,
    async follow(store, report, signal) {
      if (address !== undefined)
        await followFeed({ relay: address, store, signal, onEvent: (event) => handle(event, report) })
      return 0
    },
    async followedSince(store, signal) {
      if (address === undefined) return undefined
      const { feed, since } = await abortable(live.promise, signal)
      // There may have been a gap since, which another process has met.
      return (await store.feed.followedSince(feed, { signal })) ?? since
    },
    text() {
      const { role, messages, lagMs } = figures
      if (role === 'off') return undefined
      const lag = lagMs === undefined ? '' : `, ${duration(lagMs)} behind`
      if (role === 'following') return `${plural(messages, 'message')} of the feed${lag}`
      if (role === 'standby') return 'another process follows the feed'
      return role === 'connecting' ? 'connecting to the feed' : 'the feed is away'
    },
  }
}

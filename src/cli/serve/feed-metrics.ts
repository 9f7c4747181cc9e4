import type { FeedEvent } from '../../contracts/feed-events.ts'
import type { TextMeter } from '../metrics/text-meter.ts'
import type { FeedFigures } from './feed-figures.ts'

/** Counts what a feed brings. */
export function createFeedMetrics(
  meter: TextMeter,
  figures: Readonly<FeedFigures>,
): (event: FeedEvent) => void {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(`atproto.backfill.feed.${name}`, { unit, description })
  const messages = counter('messages', '{message}', 'Messages of the feed that became durable.')
  const added = counter('added', '{pair}', 'Pairs that the feed brought and that were new to the index.')
  const removed = counter('removed', '{pair}', 'Pairs that the feed told to be gone.')
  const invalid = counter('invalid', '{message}', 'Messages of the feed that could not be read.')
  const disconnects = counter('disconnects', '{disconnect}', 'Connections to the feed that ended.')
  const gaps = counter('gaps', '{gap}', 'Times that a part of the feed was missing.')
  const lag = meter.createObservableGauge('atproto.backfill.feed.lag', {
    unit: 's',
    description: 'How old the last message was when it was read.',
  })
  const following = meter.createObservableGauge('atproto.backfill.feed.following', {
    unit: '1',
    description: '1 while this process follows the feed, and 0 while it does not.',
  })
  meter.observe((result) => {
    if (figures.role === 'off') return
    result.observe(following, figures.role === 'following' ? 1 : 0)
    if (figures.lagMs !== undefined) result.observe(lag, figures.lagMs / 1000)
  })
  return (event) => {
    if (event.type === 'disconnected') disconnects.add(1)
    if (event.type === 'gap') gaps.add(1, { 'atproto.backfill.feed.gap.reason': event.reason })
    if (event.type !== 'batch') return
    messages.add(event.messages)
    added.add(event.added)
    removed.add(event.removed)
    invalid.add(event.invalid)
  }
}

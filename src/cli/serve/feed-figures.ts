import type { FeedEvent } from '../../contracts/feed-events.ts'

/**
 * What this process has to do with the feed: `off`: nothing; `connecting`: it has not heard of it yet; `following`: it
 * follows it; `standby`: another process does; `disconnected`: it waits to connect again.
 */
export type FeedRole = 'off' | 'connecting' | 'following' | 'standby' | 'disconnected'

/** The feed as this process sees it. */
export interface FeedFigures {
  role: FeedRole
  /** Messages that this process has read and made durable. */
  messages: number
  /** How old the last one was when it was read, in milliseconds. */
  lagMs: number | undefined
  /** Up to where the feed was read. */
  cursor: string | undefined
}

/** Brings the figures up to date. */
export function takeFeedEvent(figures: FeedFigures, event: FeedEvent): void {
  switch (event.type) {
    case 'live':
      figures.role = event.elsewhere ? 'standby' : 'following'
      return
    case 'claimLost':
      figures.role = 'standby'
      return
    case 'disconnected':
      figures.role = 'disconnected'
      return
    case 'batch':
      figures.messages += event.messages
      figures.lagMs = event.lagMs
      figures.cursor = event.cursor
  }
}

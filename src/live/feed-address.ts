import { InvalidOptionError } from '../errors.ts'
import { workScope } from '../util/scopes.ts'
import type { FeedNews } from './feed-news.ts'
import { readFirehose } from './firehose-message.ts'
import { readJetstream } from './jetstream-message.ts'

/** A server's feed, and how it is read. */
export interface FeedSource {
  readonly kind: 'firehose' | 'jetstream'
  /** The scope of its progress row. */
  readonly feed: string
  /** The server in messages: its host. */
  readonly host: string
  /** Where to connect. @param cursor the last message that was read; absent: from now on */
  urlAt(cursor: string | undefined): URL
  read(data: Uint8Array | string): FeedNews
  /**
   * What the first message of a connection shows of the cursor that was asked for, where the server does not say it.
   */
  gapAt(cursor: string | undefined, firstSeq: number): 'outdatedCursor' | 'futureCursor' | undefined
}

const FIREHOSE_PATH = '/xrpc/com.atproto.sync.subscribeRepos'

const EXPECTED =
  'the host of a relay, such as relay1.us-east.bsky.network, its URL, or that of a Jetstream, such as ' +
  'wss://jetstream2.us-east.bsky.network/subscribe'

/** A Jetstream is asked to go back this far, in microseconds: its messages may be slightly out of the order of their times. */
const JETSTREAM_REWIND_US = 5_000_000

/**
 * The name under which a feed's cursor is kept: `FeedBatch.feed`.
 *
 * @param relay as for `followFeed`
 * @throws InvalidOptionError
 */
export function feedName(relay: string): string {
  return feedSource(relay).feed
}

/** @throws InvalidOptionError */
export function feedSource(relay: string): FeedSource {
  const url = parse(relay)
  const isJetstream = url?.pathname.endsWith('/subscribe')
  const isFirehose = url?.pathname === '/' || url?.pathname === FIREHOSE_PATH
  if (url === undefined || !(isJetstream || (isFirehose && url.search === '')))
    throw new InvalidOptionError('relay', EXPECTED, withoutCredentials(relay))
  if (url.searchParams.get('compress') === 'true')
    throw new InvalidOptionError('relay', 'a Jetstream without compress', relay)
  url.searchParams.delete('cursor')
  const origin = `${url.protocol}//${url.host}`
  if (isJetstream)
    return {
      kind: 'jetstream',
      feed: workScope('feed', `${origin}${url.pathname}${url.search}`),
      host: url.host,
      urlAt: (cursor) => at(url, cursor && String(Math.max(0, Number(cursor) - JETSTREAM_REWIND_US))),
      read: readJetstream,
      gapAt: jetstreamGap,
    }
  const firehose = new URL(FIREHOSE_PATH, origin)
  return {
    kind: 'firehose',
    feed: workScope('feed', origin),
    host: url.host,
    urlAt: (cursor) => at(firehose, cursor),
    read: readFirehose,
    // Its numbers only grow, unless it is another server by now.
    gapAt: (cursor, first) => (cursor !== undefined && first < Number(cursor) ? 'futureCursor' : undefined),
  }
}

const HOUR_US = 3_600_000_000

/**
 * A Jetstream does not say that it begins later than it was asked to. It keeps a day or more, so a shorter absence lacks
 * nothing; and in an hour of the network something happens.
 */
function jetstreamGap(
  cursor: string | undefined,
  first: number,
): 'outdatedCursor' | 'futureCursor' | undefined {
  if (cursor === undefined) return undefined
  const asked = Number(cursor)
  if (first < asked - 2 * JETSTREAM_REWIND_US) return 'futureCursor'
  const isOld = Date.now() * 1_000 - asked > 24 * HOUR_US
  return isOld && first - asked > HOUR_US ? 'outdatedCursor' : undefined
}

function at(url: URL, cursor: string | undefined): URL {
  const asked = new URL(url)
  if (cursor !== undefined) asked.searchParams.set('cursor', cursor)
  return asked
}

function parse(relay: unknown): URL | undefined {
  // Refused by character, since URL forgives much of it in silence.
  if (typeof relay !== 'string' || /[\s\p{Cc}@#\\]/u.test(relay)) return undefined
  const scheme = /^([a-z]+):\/\//i.exec(relay)?.[1]?.toLowerCase()
  if (scheme !== undefined && !/^(https?|wss?)$/.test(scheme)) return undefined
  const text = scheme === undefined ? `wss://${relay}` : relay.replace(/^http/i, 'ws')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === '') return undefined
  url.hostname = url.hostname.replace(/\.$/, '')
  return url
}

function withoutCredentials(relay: unknown): unknown {
  return typeof relay === 'string' ? relay.replace(/^([a-z]+:\/\/)?[\s\S]*@/i, '$1…@') : relay
}

import type { FeedEvent, FeedGapEvent } from '../contracts/feed-events.ts'
import { RelayError } from '../errors.ts'
import { sleep, withJitter } from '../util/abort.ts'
import { retryAfterMs } from '../util/describe.ts'
import { LONGEST_WAIT_MS } from '../util/retry.ts'
import type { FeedCommit } from './feed-commit.ts'
import type { FeedNews, RefusedNews } from './feed-news.ts'
import type { FeedSettings } from './feed-options.ts'
import { type FeedSocket, openFeedSocket } from './feed-socket.ts'
import type { PendingBatch } from './pending-batch.ts'

/** The pause before a connection is opened again, in milliseconds: it doubles until a message comes. */
const PAUSE_MS = { least: 1_000, most: 60_000 }
/** How long a server has to refuse a cursor, in milliseconds, before a feed in which nothing happens counts as followed. */
const MOST_FOR_FIRST_MS = 2_000

export interface ConnectionsParts
  extends Pick<FeedSettings, 'source' | 'batchMs' | 'batchRepos' | 'silenceMs'> {
  readonly commit: FeedCommit
  readonly pending: PendingBatch
  readonly emit: (event: FeedEvent) => void
  readonly signal: AbortSignal
}

/** Follows a feed under one claim, over any number of connections. Rejects when the signal aborts, or a write fails. */
export async function followConnections(parts: ConnectionsParts): Promise<never> {
  const { source, commit, pending, emit, signal } = parts
  const { feed } = source
  for (let failed = 0; ; failed += 1) {
    const before = commit.cursor
    const error = await followOne(parts)
    // What was read of the connection that is over.
    if (!pending.isEmpty) await commit.save()
    if (commit.cursor !== undefined && commit.cursor !== before) failed = 0
    const pauseMs = withJitter(Math.min(PAUSE_MS.least * 2 ** failed, PAUSE_MS.most))
    const retryInMs = Math.max(pauseMs, Math.min(retryAfterMs(error), LONGEST_WAIT_MS))
    emit({ type: 'disconnected', feed, error, retryInMs })
    await sleep(retryInMs, signal)
  }
}

/** @returns why the connection is over */
async function followOne(parts: ConnectionsParts): Promise<unknown> {
  const { source, commit, emit, silenceMs, signal } = parts
  let socket: FeedSocket
  try {
    socket = await openFeedSocket({ url: source.urlAt(commit.cursor), silenceMs, signal })
  } catch (error) {
    signal.throwIfAborted()
    return error
  }
  try {
    emit({ type: 'connected', feed: source.feed, ...cursorOf(commit) })
    return await readAll(socket, parts)
  } finally {
    socket.close()
  }
}

/** Reads a connection to its end, and writes what it tells. @returns why it is over */
async function readAll(socket: FeedSocket, parts: ConnectionsParts): Promise<unknown> {
  const { source, commit, pending, batchMs, batchRepos, silenceMs, signal } = parts
  const beginning = createBeginning(parts)
  const followedAt = performance.now() + Math.min(MOST_FOR_FIRST_MS, silenceMs / 4)
  let saveAt = performance.now() + batchMs
  const save = async () => {
    if (!pending.isEmpty) await commit.save()
    saveAt = performance.now() + batchMs
  }
  for (;;) {
    const until = beginning.isOver ? saveAt : Math.min(saveAt, followedAt)
    let frames: readonly (Uint8Array | string)[]
    try {
      frames = await socket.take(Math.max(0, until - performance.now()))
    } catch (error) {
      signal.throwIfAborted()
      return error
    }
    for (const news of frames.map(source.read)) {
      if (news.kind === 'refused') return beginning.refuse(news)
      await beginning.note(news)
      if (news.kind === 'notice') continue
      if (pending.mustWait(news)) await save()
      pending.add(news)
      if (pending.repos >= batchRepos) await save()
    }
    if (frames.length > 0 || performance.now() >= followedAt) await beginning.end()
    if (performance.now() >= saveAt) await save()
  }
}

/** The beginning of a connection, in which it shows whether the feed goes on where it was. */
interface Beginning {
  readonly isOver: boolean
  note(news: FeedNews): Promise<void>
  /** @returns the error of the connection */
  refuse(news: RefusedNews): RelayError
  /** The feed is followed from here. */
  end(): Promise<void>
}

function createBeginning({ source, commit, pending, emit }: ConnectionsParts): Beginning {
  const { feed } = source
  const { cursor } = commit
  let gap: FeedGapEvent['reason'] | undefined = commit.missing
  let isOver = false
  let isFirst = true
  /** Its numbers mean something else, so none that was seen tells which of two messages is the later one. */
  const beginAnew = () => {
    commit.beginAnew()
    pending.forget()
  }
  /** It is durable before a cursor is saved that lies behind it. */
  const settle = async () => {
    if (gap === undefined) return
    const reason = gap
    gap = undefined
    emit({ type: 'gap', feed, reason, since: await commit.noteGap() })
  }
  return {
    get isOver() {
      return isOver
    },
    async note(news) {
      if (news.kind === 'notice') {
        if (news.name === 'OutdatedCursor') gap = 'outdatedCursor'
        else emit({ type: 'notice', feed, name: news.name, message: news.message })
      } else if (isFirst && 'seq' in news && news.seq !== undefined) {
        isFirst = false
        gap ??= source.gapAt(cursor, news.seq)
        if (gap === 'futureCursor') beginAnew()
      }
      await settle()
    },
    refuse({ error, message }) {
      // The next connection asks for what comes from now on.
      if (error === 'FutureCursor') beginAnew()
      const said = message === undefined ? error : `${error}: ${message}`
      return new RelayError('RELAY_STATUS', `${source.host} ended the feed: ${said}.`, {
        relay: source.host,
        error,
        retryable: true,
        ...(message !== undefined && { serverMessage: message }),
      })
    },
    async end() {
      if (isOver) return
      isOver = true
      await settle()
      const since = await commit.followedSince()
      emit({ type: 'live', feed, since, elsewhere: false, ...cursorOf(commit) })
    },
  }
}

function cursorOf({ cursor }: FeedCommit): { cursor?: string } {
  return cursor === undefined ? {} : { cursor }
}

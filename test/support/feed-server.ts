import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type WebSocket from 'ws'
import { WebSocketServer } from 'ws'

/** What is used of `@atproto/xrpc-server`, whose own declarations need those of express 4. */
interface Frames {
  MessageFrame: new (body: object, options: { type: string }) => { toBytes(): Uint8Array }
  ErrorFrame: new (body: { error: string; message?: string }) => { toBytes(): Uint8Array }
}

const MODULE: string = '@atproto/xrpc-server'
const { MessageFrame, ErrorFrame } = (await import(/* @vite-ignore */ MODULE)) as Frames

/** A message without its number and time. */
export type FeedMessage = readonly [type: string, body: object]

/** A live feed on a loopback port that does as it is told: frames by the official library, the protocol by hand. */
export interface FeedServer extends AsyncDisposable {
  /** `ws://127.0.0.1:<port>`, with the path for a Jetstream */
  readonly url: string
  /** The cursor that each connection asked for, in order. */
  readonly cursors: readonly (string | undefined)[]
  /** What each connection said of itself. */
  readonly agents: readonly (string | undefined)[]
  /** The number of the last message. */
  readonly seq: number
  /** Numbers messages from here on. */
  setSeq(seq: number): void
  /** Sends messages to all, and keeps them for later cursors. @returns the number of the last one */
  send(...messages: readonly FeedMessage[]): number
  /** Keeps bytes, or a text, as a message that is no message. */
  sendRaw(data: Uint8Array | string): void
  /** Ends all connections with an error frame. */
  refuse(error: string, message?: string): void
  /** The next connections are answered with this status instead. */
  answer(status: number | undefined, headers?: Record<string, string>): void
  /** Forgets the messages up to this one: an older cursor is outdated. */
  forget(upTo: number): void
  /** Breaks every connection. */
  cut(): void
  /** Says nothing more, not even to a ping, on the connections that are open and on those to come. */
  goSilent(isSilent: boolean): void
  /** Bytes that wait for clients which do not read. */
  readonly waitingBytes: number
  /** Resolves once so many connections have come. */
  connected(count: number): Promise<void>
}

interface Kept {
  readonly seq: number
  readonly data: Uint8Array | string
}

const EPOCH_MS = Date.UTC(2026, 0, 1)

export async function startFeedServer(kind: 'firehose' | 'jetstream' = 'firehose'): Promise<FeedServer> {
  const kept: Kept[] = []
  const cursors: (string | undefined)[] = []
  const agents: (string | undefined)[] = []
  let seq = 0
  let forgotten = 0
  let isSilent = false
  let refusal: { status: number; headers: Record<string, string> } | undefined
  let news = Promise.withResolvers<void>()
  const http = createServer()
  const sockets = new WebSocketServer({ noServer: true, autoPong: false })
  http.on('upgrade', (request, socket, head) => {
    if (refusal === undefined)
      return sockets.handleUpgrade(request, socket, head, (client) => welcome(client, request))
    cursors.push(undefined)
    tell()
    const headers = Object.entries(refusal.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${refusal.status} No\r\n${headers.join('')}content-length: 0\r\n\r\n`)
  })

  function tell() {
    news.resolve()
    news = Promise.withResolvers()
  }
  function welcome(client: WebSocket, { url = '', headers }: IncomingMessage) {
    const cursor = new URL(url, 'http://loopback').searchParams.get('cursor') ?? undefined
    cursors.push(cursor)
    agents.push(headers['user-agent'])
    client.on('ping', () => isSilent || client.pong())
    tell()
    if (isSilent || cursor === undefined) return
    if (kind === 'firehose' && Number(cursor) > seq) {
      client.send(new ErrorFrame({ error: 'FutureCursor' }).toBytes())
      return client.close()
    }
    if (kind === 'firehose' && Number(cursor) < forgotten)
      client.send(new MessageFrame({ name: 'OutdatedCursor' }, { type: '#info' }).toBytes())
    for (const message of kept) if (message.seq > Number(cursor)) client.send(message.data)
  }
  function keep(data: Uint8Array | string) {
    kept.push({ seq, data })
    for (const client of sockets.clients) if (!isSilent) client.send(data)
  }
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const path = kind === 'jetstream' ? '/subscribe' : ''
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}${path}`,
    cursors,
    agents,
    get seq() {
      return seq
    },
    setSeq(to) {
      seq = to
    },
    send(...messages) {
      for (const [type, body] of messages) {
        seq += 1
        const time = new Date(EPOCH_MS + seq).toISOString()
        keep(
          kind === 'firehose'
            ? new MessageFrame({ ...body, seq, time }, { type }).toBytes()
            : JSON.stringify({ ...body, kind: type, time_us: seq }),
        )
      }
      return seq
    },
    sendRaw: keep,
    refuse(error, message) {
      const frame = new ErrorFrame({ error, ...(message !== undefined && { message }) }).toBytes()
      for (const client of sockets.clients) {
        client.send(frame)
        client.close()
      }
    },
    answer(status, headers = {}) {
      refusal = status === undefined ? undefined : { status, headers }
    },
    forget(upTo) {
      forgotten = upTo
      kept.splice(0, kept.length, ...kept.filter((message) => message.seq > upTo))
    },
    cut() {
      for (const client of sockets.clients) client.terminate()
    },
    goSilent(to) {
      isSilent = to
    },
    get waitingBytes() {
      return [...sockets.clients].reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0)
    },
    async connected(count) {
      while (cursors.length < count) await news.promise
    },
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.terminate()
      sockets.close()
      http.close()
      http.closeAllConnections()
      await once(http, 'close')
    },
  }
}

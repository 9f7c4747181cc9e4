import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { blocksToCarFile, MemoryBlockstore, type RecordWriteOp, Repo, WriteOpAction } from '@atproto/repo'

/** What is used of `@atproto/xrpc-server`, whose own declarations need those of express 4 and ws. */
interface StreamModule {
  XrpcStreamServer: new (options: {
    server: Server
    handler: (request: IncomingMessage, signal: AbortSignal) => AsyncIterable<Frame>
  }) => { wss: { clients: Iterable<{ terminate(): void }> } }
  MessageFrame: new (body: object, options: { type: string }) => Frame
}

interface Frame {
  toBytes(): Uint8Array
}

/** The body of a message without its number and time. */
export type FirehoseMessage = readonly [type: '#commit' | '#account', body: object]

/** A relay's live feed on the official server library: numbered frames, from the cursor that a client asks with. */
export interface Firehose extends AsyncDisposable {
  /** `ws://127.0.0.1:<port>` */
  readonly url: string
  /** What each connection asked for, in order. */
  readonly cursors: readonly (number | undefined)[]
  /** Sends messages to everybody. @returns the number of the last one */
  send(...messages: FirehoseMessage[]): number
  /** Resolves once so many connections have come. */
  connected(count: number): Promise<void>
  /** Breaks every connection. */
  cut(): void
}

const MODULE: string = '@atproto/xrpc-server'
const EPOCH_MS = Date.UTC(2026, 0, 1)

export async function startFirehose(): Promise<Firehose> {
  const { XrpcStreamServer, MessageFrame } = (await import(/* @vite-ignore */ MODULE)) as StreamModule
  const frames: Frame[] = []
  const cursors: (number | undefined)[] = []
  let news = Promise.withResolvers<void>()
  const tell = () => {
    news.resolve()
    news = Promise.withResolvers()
  }

  async function* handler(request: IncomingMessage, signal: AbortSignal): AsyncGenerator<Frame> {
    const asked = new URL(request.url ?? '', 'http://loopback').searchParams.get('cursor')
    cursors.push(asked === null ? undefined : Number(asked))
    let sent = asked === null ? frames.length : Number(asked)
    tell()
    while (!signal.aborted) {
      const frame = frames[sent]
      if (frame === undefined) await news.promise
      else yield frame
      if (frame !== undefined) sent += 1
    }
  }

  const http = createServer()
  const { wss } = new XrpcStreamServer({ server: http, handler })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const cut = () => {
    for (const client of wss.clients) client.terminate()
    tell()
  }
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    cursors,
    cut,
    send(...messages) {
      for (const [type, body] of messages) {
        const seq = frames.length + 1
        const time = new Date(EPOCH_MS + seq).toISOString()
        frames.push(new MessageFrame({ ...body, seq, time }, { type }))
      }
      tell()
      return frames.length
    },
    async connected(count) {
      while (cursors.length < count) await news.promise
    },
    async [Symbol.asyncDispose]() {
      cut()
      http.close()
      http.closeAllConnections()
      await once(http, 'close')
    },
  }
}

export interface RecordWrite {
  readonly action: 'create' | 'delete'
  readonly collection: string
  readonly rkey: string
}

/** An account's repo, with the commits that its host would announce. */
export interface LiveRepo {
  readonly did: string
  /** One commit. @param withProof false leaves out the repo's tree, so that nothing but the operations is told */
  commit(writes: readonly RecordWrite[], withProof?: boolean): Promise<FirehoseMessage>
}

/** Nobody verifies the signatures here. */
const KEY = { did: () => 'did:key:none', jwtAlg: 'ES256K', sign: async () => new Uint8Array(64) }

export async function createLiveRepo(did: string): Promise<LiveRepo> {
  let repo = await Repo.create(new MemoryBlockstore(), did, KEY)
  return {
    did,
    async commit(writes, withProof = true) {
      const commit = await repo.formatCommit(writes.map(toOperation), KEY)
      repo = await repo.applyCommit(commit)
      const ops = writes.map(async ({ action, collection, rkey }) => {
        const path = `${collection}/${rkey}`
        return { action, path, cid: action === 'create' ? await repo.data.get(path) : null }
      })
      const { cid, rev, since, relevantBlocks } = commit
      const told = withProof ? relevantBlocks : relevantBlocks.getMany([cid]).blocks
      const blocks = await blocksToCarFile(cid, told)
      const flags = { rebase: false, tooBig: false, blobs: [] }
      return [
        '#commit',
        { repo: did, commit: cid, rev, since, blocks, ops: await Promise.all(ops), ...flags },
      ]
    },
  }
}

/** The types of a repo are stricter than what a repo may hold. */
function toOperation({ action, collection: given, rkey }: RecordWrite): RecordWriteOp {
  const collection = given as RecordWriteOp['collection']
  if (action === 'delete') return { action: WriteOpAction.Delete, collection, rkey }
  return { action: WriteOpAction.Create, collection, rkey, record: { $type: collection, rkey } }
}

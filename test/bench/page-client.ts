import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** One connection that is kept, with one request at a time: as little work as a client can have with a page. */
export interface PageClient {
  /** The page at a cursor: its repos are counted and not read. */
  page(cursor: string | undefined): Promise<ClientPage>
  close(): void
}

export interface ClientPage {
  readonly cursor: string | undefined
  readonly repos: number
  readonly bytes: number
}

export async function openPageClient(port: number, query: string): Promise<PageClient> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  return {
    async page(cursor) {
      const path = `/xrpc/com.atproto.sync.listReposByCollection?${query}${cursor === undefined ? '' : `&cursor=${cursor}`}`
      socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`)
      return pageOf(await answer(socket))
    },
    close: () => socket.destroy(),
  }
}

/** The body of an answer that has its length in its head, or that came in chunks. */
function answer(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let left: number | undefined
    const done = (error?: Error) => {
      socket.off('data', onData).off('error', done).off('close', onClose)
      if (error) return reject(error)
      const body = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
      resolve(left === Number.POSITIVE_INFINITY ? joined(body) : body)
    }
    const onClose = () => done(new Error('The server closed the connection.'))
    const onData = (given: Buffer) => {
      let data = given
      if (left === undefined) {
        const end = data.indexOf('\r\n\r\n')
        if (end < 0) return done(new Error('The head of an answer came in pieces.'))
        const head = data.toString('latin1', 0, end)
        if (!head.startsWith('HTTP/1.1 200')) return done(new Error(head))
        const isChunked = /\r\ntransfer-encoding: chunked/i.test(head)
        left = isChunked ? Number.POSITIVE_INFINITY : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
        if (Number.isNaN(left)) return done(new Error(`No length: ${head}`))
        data = data.subarray(end + 4)
      }
      parts.push(data)
      left -= data.length
      if (left <= 0 || (left === Number.POSITIVE_INFINITY && endsWith(parts, LAST_CHUNK))) done()
    }
    socket.on('data', onData).once('error', done).once('close', onClose)
  })
}

const LAST_CHUNK = '\r\n0\r\n\r\n'

function endsWith(parts: readonly Buffer[], end: string): boolean {
  const last = parts.at(-1)
  const tail = last !== undefined && last.length >= end.length ? last : Buffer.concat(parts.slice(-2))
  return tail.subarray(-end.length).toString('latin1') === end
}

function joined(chunks: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const head = chunks.indexOf('\r\n', at)
    const size = Number.parseInt(chunks.toString('latin1', at, head), 16)
    if (size === 0) return Buffer.concat(parts)
    parts.push(chunks.subarray(head + 2, head + 2 + size))
    at = head + 2 + size + 2
  }
}

/** All DIDs here have 32 characters, so the length tells how many there are. */
const ENTRY_BYTES = '{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"},'.length

function pageOf(body: Buffer): ClientPage {
  const [start, end] = [body.indexOf('[') + 1, body.lastIndexOf(']')]
  // One server has the cursor behind the list, and another one before it.
  const cursor = /"cursor":"([^"]*)"/.exec(
    body.toString('latin1', 0, start) + body.toString('latin1', end),
  )?.[1]
  return { cursor, repos: Math.round((end - start) / ENTRY_BYTES), bytes: body.length }
}

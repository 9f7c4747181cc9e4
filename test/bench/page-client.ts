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

/** Every answer here has its length in its head. */
function answer(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let left: number | undefined
    const done = (error?: Error) => {
      socket.off('data', onData).off('error', done).off('close', onClose)
      if (error) reject(error)
      else resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts))
    }
    const onClose = () => done(new Error('The server closed the connection.'))
    const onData = (given: Buffer) => {
      let data = given
      if (left === undefined) {
        const end = data.indexOf('\r\n\r\n')
        if (end < 0) return done(new Error('The head of an answer came in pieces.'))
        const head = data.toString('latin1', 0, end)
        if (!head.startsWith('HTTP/1.1 200')) return done(new Error(head))
        left = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
        if (Number.isNaN(left)) return done(new Error(`No length: ${head}`))
        data = data.subarray(end + 4)
      }
      parts.push(data)
      left -= data.length
      if (left <= 0) done()
    }
    socket.on('data', onData).once('error', done).once('close', onClose)
  })
}

/** All DIDs here have 32 characters, so the length tells how many there are. */
const ENTRY_BYTES = '{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"},'.length

function pageOf(body: Buffer): ClientPage {
  const end = body.lastIndexOf(']')
  const cursor = /"cursor":"([^"]*)"/.exec(body.toString('latin1', end))?.[1]
  const repos = Math.round((end - '{"repos":['.length) / ENTRY_BYTES)
  return { cursor, repos, bytes: body.length }
}

import { type AddressInfo, createServer, type Server } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgres } from '../../src/postgres/index.ts'

/** A server that ends each session in the packet with which it begins it, as one that is shut down just then. */
const AUTHENTICATED = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
const FATAL = message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')

function message(type: string, text: string): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(4 + text.length, 1)
  return Buffer.concat([head, Buffer.from(text)])
}

describe('a server that ends a session in the packet with which it begins it', () => {
  let server: Server
  let url: string

  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, FATAL])))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `postgres://somebody@127.0.0.1:${(server.address() as AddressInfo).port}/index`
  })

  afterAll(() => new Promise((resolve) => server.close(resolve)))

  // The event of a client that nothing listens to would be an uncaught exception, which fails the test.
  it('is a store that is unavailable, and not the end of the process', async () => {
    await expect(openPostgres(url)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('is so with a pool that is given', async () => {
    const pool = new pg.Pool({ connectionString: url })
    await expect(openPostgres(pool)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await pool.end()
  })
})

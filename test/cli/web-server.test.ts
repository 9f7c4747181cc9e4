import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { startWebServer, type WebServer, type WebServerOptions } from '../../src/cli/web-server.ts'

const errors: unknown[] = []

async function served(
  handle: WebServerOptions['handle'],
  limits: WebServerOptions['limits'] = {},
): Promise<WebServer> {
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    handle,
    limits,
    onError: (error) => errors.push(error),
  })
  onTestFinished(() => server.close())
  return server
}

const hello = async () => Response.json({ hello: 'world' })

/** A client that does as it likes. */
async function rawClient({ port }: WebServer): Promise<{ socket: Socket; closed: Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  // Bytes that come after the server has closed.
  socket.on('error', () => {})
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await once(socket, 'connect')
  onTestFinished(() => void socket.destroy())
  return { socket, closed: once(socket, 'close').then(() => text) }
}

it('hands a request over as the client sent it, and its answer back with its length', async () => {
  const seen: unknown[] = []
  const server = await served(async (request) => {
    seen.push([request.method, new URL(request.url).search, request.headers.get('x-a'), await request.text()])
    return new Response('made', { status: 201, headers: { 'x-b': '2' } })
  })
  const answer = await fetch(`${server.url}/a?b=c%20d`, {
    method: 'POST',
    body: 'x',
    headers: { 'x-a': '1' },
  })
  expect([answer.status, answer.headers.get('x-b'), await answer.text()]).toEqual([201, '2', 'made'])
  expect(answer.headers.get('content-length')).toBe('4')
  expect(seen).toEqual([['POST', '?b=c%20d', '1', 'x']])
  expect((await fetch(server.url, { method: 'HEAD' })).status).toBe(201)
})

it.each([
  { body: '{"text":"é"}', text: '{"text":"é"}', length: '13' },
  { body: new TextEncoder().encode('{"bytes":1}'), text: '{"bytes":1}', length: '11' },
  { body: null, text: '', length: null },
])('sends an answer that is no Response with the same head: $text', async ({ body, text, length }) => {
  const headers = { 'content-type': 'application/json', 'retry-after': '3' }
  const server = await served(async () => ({ status: 203, headers, body }))
  const answer = await fetch(server.url)
  expect([answer.status, await answer.text()]).toEqual([203, text])
  const names = ['content-type', 'retry-after', ...(length === null ? [] : ['content-length'])]
  expect(names.map((name) => answer.headers.get(name))).toEqual([
    'application/json',
    '3',
    ...(length === null ? [] : [length]),
  ])
})

it('hands a header over that comes twice, and reads no body where there is none', async () => {
  const server = await served(async (request) => Response.json(request.headers.get('x-a')))
  const { socket, closed } = await rawClient(server)
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nX-A: 1\r\nx-a: 2\r\nconnection: close\r\n\r\n')
  expect(await closed).toMatch(/"1, 2"$/)
})

it('answers 500 where the handler fails, and tells why to its owner alone', async () => {
  const failure = new Error('secret')
  const server = await served(async () => Promise.reject(failure))
  const answer = await fetch(server.url)
  expect(answer.status).toBe(500)
  expect(await answer.text()).not.toContain('secret')
  expect(errors.splice(0)).toEqual([failure])
})

it.each([
  ['sends nothing', ''],
  ['never ends its headers', 'GET / HTTP/1.1\r\nhost: a\r\n'],
  ['never ends its body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx'],
])('ends the connection of a client that %s', async (_, begin) => {
  const server = await served(hello, { requestMs: 200 })
  const { socket, closed } = await rawClient(server)
  socket.write(begin)
  expect(await closed).toMatch(/^$|^HTTP\/1.1 408 /)
  expect(await (await fetch(server.url)).json()).toEqual({ hello: 'world' })
  expect(errors.splice(0)).toEqual([])
})

it.each([
  ['a line that is too long', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
  ['headers that are too long', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  [
    'a body that is announced too large',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n',
    413,
  ],
  [
    'a body that grows too large',
    `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n20000\r\n${'a'.repeat(0x20000)}\r\n`,
    413,
  ],
  ['what is no address', 'GET * HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['what is not HTTP', 'hello\r\n\r\n', 400],
])('refuses %s, and ends the connection', async (_, request, status) => {
  const server = await served(hello)
  const { socket, closed } = await rawClient(server)
  socket.write(request)
  expect(await closed).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(errors.splice(0)).toEqual([])
})

it('drops a client that does not take its answer', async () => {
  const dropped = Promise.withResolvers<void>()
  const server = await served(
    async (request) => {
      request.signal.addEventListener('abort', () => dropped.resolve())
      return new Response('x'.repeat(64 * 1024 * 1024))
    },
    { answerMs: 200 },
  )
  const { socket } = await rawClient(server)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await dropped.promise
})

it('keeps an event stream open for longer than other answers may take, and ends it with the client', async () => {
  const ended = Promise.withResolvers<void>()
  let push: (text: string) => void = () => {}
  const stream = new ReadableStream({
    start: (controller) => {
      push = (text) => controller.enqueue(new TextEncoder().encode(text))
    },
    cancel: () => ended.resolve(),
  })
  const headers = { 'content-type': 'text/event-stream; charset=utf-8' }
  const server = await served(async () => new Response(stream, { headers }), { answerMs: 50, requestMs: 50 })
  const client = new AbortController()
  const answer = await fetch(server.url, { signal: client.signal })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  push('data: 1\n\n')
  expect(await reader?.read()).toMatchObject({ value: 'data: 1\n\n' })
  client.abort()
  await ended.promise
})

it('takes no more connections than it may', async () => {
  const server = await served(hello, { connections: 1 })
  const first = await rawClient(server)
  const second = await rawClient(server)
  expect(await second.closed).toBe('')
  expect(first.socket.closed).toBe(false)
})

it('closes at once where clients only wait, and lets an answer under way come to its end', async () => {
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const server = await served(async () => {
    begun.resolve()
    await gate.promise
    return Response.json('late')
  })
  const idle = await rawClient(server)
  const answer = fetch(server.url)
  await begun.promise
  const closing = server.close()
  expect(await idle.closed).toBe('')
  gate.resolve()
  expect(await (await answer).json()).toBe('late')
  await closing
  await expect(fetch(server.url)).rejects.toThrow('fetch failed')
})

it('ends an answer that does not come to its end when the server closes', async () => {
  const begun = Promise.withResolvers<void>()
  const server = await served((request) => {
    begun.resolve()
    return new Promise((_, reject) =>
      request.signal.addEventListener('abort', () => reject(new Error('gone'))),
    )
  })
  const answer = fetch(server.url)
  await begun.promise
  await Promise.all([expect(answer).rejects.toThrow(), server.close()])
  expect(errors.splice(0)).toEqual([])
})

it('says that a port is in use', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  const options = { host: '127.0.0.1', port, handle: hello, onError() {} }
  await expect(startWebServer(options)).rejects.toThrow(
    `The port ${port} is in use: another program listens there. Give another port.`,
  )
})

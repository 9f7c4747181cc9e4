import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * What becomes of a message to the server, and of its connection:
 *
 * - `cut`: the connection breaks before the message arrives
 * - `cut-answer`: it arrives, and the connection breaks when the answer comes
 * - `swallow`: from this message on nothing reaches the server, and nobody notices: the connection stays open
 * - `swallow-answer`: it arrives, and from then on nothing reaches the client
 * - `vanish`: from this message on nothing reaches anybody
 * - a promise: the message waits for it
 */
export type Fate = 'cut' | 'cut-answer' | 'swallow' | 'swallow-answer' | 'vanish' | Promise<unknown>

interface Which {
  /** How many of them; one by default. */
  readonly times?: number
  /** Only those in a transaction that has sent this before. */
  readonly after?: RegExp
}

export interface Rule {
  /** Resolves when the rule has met its first message. */
  readonly reached: Promise<void>
}

/** Stands between a Postgres driver and its server, and does to the connections what a network may. */
export interface TcpProxy extends AsyncDisposable {
  /** The database behind it, by way of the proxy. `parameters` are added to the URL's query. */
  url(parameters?: Readonly<Record<string, string>>): string
  /** How many connections were accepted so far. */
  readonly accepted: number
  /** How many of them the client still has open, as far as the proxy knows. */
  readonly open: number
  /** Lets the next messages whose SQL matches meet their fate. */
  onClientMessage(sql: RegExp, fate: Fate, which?: Which): Rule
  /** From now on nothing passes over the connections that are open, and they stay open. */
  loseEverything(): void
  /** Breaks the connection over which the given byte passes, counted from now on in one direction: that byte does not. */
  cutAtByte(direction: Direction, byte: number): void
  /** How many bytes have passed, counted from the last `cutAtByte`. */
  readonly passed: Readonly<Record<Direction, number>>
}

/** What begins a transaction, in the words of Kysely where an isolation level is set. */
export const BEGINS: RegExp = /^(?:begin|start transaction)\b/i

export type Direction = 'to-server' | 'to-client'

interface Connection {
  readonly client: Socket
  readonly server: Socket
  deafServer: boolean
  deafClient: boolean
  cutOnAnswer: boolean
  /** The SQL since the last BEGIN. */
  transaction: string
}

interface Network {
  readonly rules: { sql: RegExp; after: RegExp | undefined; fate: Fate; left: number; reach: () => void }[]
  readonly passed: Record<Direction, number>
  readonly cutAt: Record<Direction, number>
  readonly connections: Set<Connection>
  accepted: number
}

export async function startTcpProxy(databaseUrl: string): Promise<TcpProxy> {
  const target = new URL(databaseUrl)
  const network: Network = {
    rules: [],
    passed: { 'to-server': 0, 'to-client': 0 },
    cutAt: { 'to-server': Number.POSITIVE_INFINITY, 'to-client': Number.POSITIVE_INFINITY },
    connections: new Set(),
    accepted: 0,
  }
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = connect({
      host: target.hostname,
      port: Number(target.port),
      allowHalfOpen: true,
      noDelay: true,
    })
    network.accepted += 1
    relay(
      { client, server, deafServer: false, deafClient: false, cutOnAnswer: false, transaction: '' },
      network,
    )
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo

  return {
    passed: network.passed,
    get accepted() {
      return network.accepted
    },
    get open() {
      return [...network.connections].filter(({ client }) => !client.readableEnded).length
    },
    url(parameters = {}) {
      const url = new URL(databaseUrl)
      url.host = `127.0.0.1:${port}`
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      return url.href
    },
    onClientMessage(sql, fate, { times = 1, after } = {}) {
      const { promise, resolve } = Promise.withResolvers<void>()
      network.rules.push({ sql, after, fate, left: times, reach: resolve })
      return { reached: promise }
    },
    loseEverything() {
      for (const connection of network.connections)
        Object.assign(connection, { deafServer: true, deafClient: true })
    },
    cutAtByte(direction, byte) {
      Object.assign(network.passed, { 'to-server': 0, 'to-client': 0 })
      Object.assign(network.cutAt, {
        'to-server': Number.POSITIVE_INFINITY,
        'to-client': Number.POSITIVE_INFINITY,
      })
      network.cutAt[direction] = byte
    },
    async [Symbol.asyncDispose]() {
      for (const connection of network.connections) cut(connection)
      listener.close()
      await once(listener, 'close')
    },
  }
}

function relay(connection: Connection, network: Network): void {
  const { client, server } = connection
  network.connections.add(connection)
  for (const socket of [client, server]) socket.on('error', () => cut(connection))
  client.once('close', () => network.connections.delete(connection))
  void toServer(connection, network).catch(() => cut(connection))
  void toClient(connection, network).catch(() => cut(connection))
}

async function toServer(connection: Connection, network: Network): Promise<void> {
  const { client, server } = connection
  for await (const message of messages(client)) {
    await meetFate(connection, network, sqlOf(message))
    if (client.destroyed) return
    if (!connection.deafServer) send(connection, network, 'to-server', message)
  }
  if (!connection.deafServer) server.end()
}

async function toClient(connection: Connection, network: Network): Promise<void> {
  const { client, server } = connection
  for await (const chunk of server) {
    if (connection.cutOnAnswer) return cut(connection)
    if (!connection.deafClient) send(connection, network, 'to-client', chunk)
  }
  if (!connection.deafClient) client.end()
}

async function meetFate(connection: Connection, { rules }: Network, sql: string): Promise<void> {
  const before = connection.transaction
  if (sql !== '') connection.transaction = BEGINS.test(sql) ? sql : `${before}\n${sql}`
  const rule = rules.find(
    ({ sql: pattern, after, left }) =>
      left > 0 && sql !== '' && pattern.test(sql) && after?.test(before) !== false,
  )
  if (rule === undefined) return
  rule.left -= 1
  rule.reach()
  const { fate } = rule
  if (fate instanceof Promise) await fate
  else if (fate === 'cut') cut(connection)
  else if (fate === 'cut-answer') connection.cutOnAnswer = true
  else {
    connection.deafServer ||= fate === 'swallow' || fate === 'vanish'
    connection.deafClient ||= fate === 'swallow-answer' || fate === 'vanish'
  }
}

function send(connection: Connection, { passed, cutAt }: Network, direction: Direction, bytes: Buffer): void {
  const socket = direction === 'to-server' ? connection.server : connection.client
  const left = cutAt[direction] - passed[direction]
  passed[direction] += Math.min(bytes.length, Math.max(left, 0))
  if (bytes.length <= left) {
    socket.write(bytes)
    return
  }
  cutAt[direction] = Number.POSITIVE_INFINITY
  Object.assign(connection, { deafServer: true, deafClient: true })
  // What came before the cut arrives; then both sides see the connection break.
  socket.write(bytes.subarray(0, left), () => cut(connection))
}

function cut({ client, server }: Connection): void {
  client.destroy()
  server.destroy()
}

/** Cuts a driver's bytes into the protocol's messages: the first has no type, the others a letter before their length. */
async function* messages(client: Socket): AsyncGenerator<Buffer> {
  let pending = Buffer.alloc(0)
  let lengthAt = 0
  for await (const chunk of client) {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= lengthAt + 4) {
      const end = lengthAt + pending.readInt32BE(lengthAt)
      if (pending.length < end) break
      yield pending.subarray(0, end)
      pending = pending.subarray(end)
      lengthAt = 1
    }
  }
}

/** The SQL of a simple query, or of one that is prepared; empty for every other message. */
function sqlOf(message: Buffer): string {
  const type = String.fromCharCode(message[0] ?? 0)
  if (type === 'Q') return message.toString('utf8', 5, message.length - 1)
  if (type !== 'P') return ''
  const nameEnd = message.indexOf(0, 5)
  return message.toString('utf8', nameEnd + 1, message.indexOf(0, nameEnd + 1))
}

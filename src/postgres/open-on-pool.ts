import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import { isLastingOnConnection } from '../kysely/database-errors.ts'
import { type OpenOptions, type OpenStore, openStore } from '../kysely/open-store.ts'
import { limitSession, type Query, type ServerLimits, withLimits } from './limited-client.ts'

interface PoolOptions extends OpenOptions {
  readonly endsPool: boolean
  /** Under which each statement runs; without any, the pool's own settings hold. */
  readonly limits?: ServerLimits | undefined
}

/** Opens a store on a pool, which it ends when it is closed only where it is told to. */
export async function openOnPool(
  pool: PostgresPool & Emitter<'acquire', (client: Client) => void>,
  { endsPool, limits, ...options }: PoolOptions,
): Promise<OpenStore> {
  pool.on?.('acquire', surviveErrors)
  const lending: PostgresPool = {
    options: pool.options,
    connect: async () => {
      const client = await pool.connect()
      surviveErrors(client)
      const needsLimits = limits !== undefined && !(await isLimited(client, limits))
      return lent(client, needsLimits ? limits : undefined)
    },
    end: async () => {
      pool.off?.('acquire', surviveErrors)
      if (endsPool) await pool.end()
    },
  }
  return openStore(new Kysely({ dialect: new PostgresDialect({ pool: lending }) }), options)
}

/** What pg's pools and clients are, which Kysely's types do not say; another driver's may be no emitters. */
type Emitter<Event, Listener> = Partial<Record<'on' | 'off', (event: Event, listener: Listener) => unknown>>

type Client = PostgresPoolClient &
  Emitter<'error', () => void> & { readonly pipeline?: boolean; readonly processID?: number | null }

const limited = new WeakMap<Client, Promise<boolean>>()

/** Whether its session has the limits, which is tried once: a transaction for each statement takes a tenth of a page. */
function isLimited(client: Client, limits: ServerLimits): Promise<boolean> {
  const known =
    limited.get(client) ??
    limitSession((sql, parameters) => client.query(sql, [...parameters]), limits, client.processID)
  limited.set(client, known)
  return known
}

const survivors = new WeakSet<Client>()

/**
 * A pool listens to its idle connections alone: one that breaks while it is lent, be it in the packet with which it
 * came, would end the process. Its query rejects.
 */
function surviveErrors(client: Client): void {
  if (survivors.has(client)) return
  survivors.add(client)
  client.on?.('error', () => {})
}

/**
 * A connection that is closed, and not lent again, when every later query on it would fail too. One on which a query
 * ran out of time: its answer may still come, or the network is gone. And one that is read-only: a session that began
 * while its server was read-only stays so, and renewals alone would keep it in use for ever.
 */
function lent(client: Client, limits: ServerLimits | undefined): PostgresPoolClient {
  let isBroken = false
  const send: Query = async (sql, parameters) => {
    try {
      return await client.query(sql, [...parameters])
    } catch (error) {
      isBroken ||= isLastingOnConnection(error)
      throw error
    }
  }
  const pipelines = client.pipeline === true
  const query = limits === undefined ? send : withLimits(send, limits, { pipelines })
  const release = (destroy = false) => client.release(destroy || isBroken)
  return { query, release, processID: client.processID } as PostgresPoolClient
}

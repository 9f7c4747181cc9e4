import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import { isLastingOnConnection } from '../kysely/database-errors.ts'
import { type OpenOptions, type OpenStore, openStore } from '../kysely/open-store.ts'

/** Opens a store on a pool, which it ends when it is closed only where it is told to. */
export async function openOnPool(
  pool: PostgresPool,
  { endsPool, ...options }: OpenOptions & { endsPool: boolean },
): Promise<OpenStore> {
  const lending: PostgresPool = {
    options: pool.options,
    connect: async () => lent(await pool.connect()),
    end: async () => {
      if (endsPool) await pool.end()
    },
  }
  return openStore(new Kysely({ dialect: new PostgresDialect({ pool: lending }) }), options)
}

/** A client of pg is an emitter; Kysely's type does not say so. */
type Client = PostgresPoolClient &
  Partial<Record<'on' | 'off', (event: 'error', listener: () => void) => unknown>>

/**
 * A connection that is closed, and not lent again, when every later query on it would fail too. One on which a query
 * ran out of time: its answer may still come, or the network is gone. And one that is read-only: a session that began
 * while its server was read-only stays so, and renewals alone would keep it in use for ever.
 */
function lent(client: Client): PostgresPoolClient {
  let isBroken = false
  // A pool listens to its idle connections alone: one that breaks while it is lent would end the process. Its query
  // rejects.
  const ignore = () => {}
  client.on?.('error', ignore)
  const query = async (sql: string, parameters: readonly unknown[]) => {
    try {
      return await client.query(sql, [...parameters])
    } catch (error) {
      isBroken ||= isLastingOnConnection(error)
      throw error
    }
  }
  const release = (destroy = false) => {
    client.release(destroy || isBroken)
    client.off?.('error', ignore)
  }
  return { query, release, processID: client.processID } as PostgresPoolClient
}

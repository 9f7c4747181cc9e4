import { hasGivenUp, mustStandAlone } from '../kysely/database-errors.ts'
import { HELD_PREFIX } from '../kysely/index-builds.ts'

/** How long a server may take, by its own names for that, in milliseconds. */
export interface ServerLimits {
  readonly statement_timeout: number
  readonly lock_timeout: number
  readonly idle_in_transaction_session_timeout: number
}

/** Sends a statement to one connection, for as long as that is lent. */
export type Query = (sql: string, parameters: readonly unknown[]) => Promise<unknown>

/**
 * Sets the limits for a session, where nothing stands between the connection and its server: then the process that the
 * server named when the session began is the one that answers. A pooler names one of its own.
 *
 * @param processId of the session, as it was told when that began
 * @returns whether they are set; otherwise each transaction needs them: {@link withLimits}
 */
export async function limitSession(
  query: Query,
  limits: ServerLimits,
  processId: number | null | undefined,
): Promise<boolean> {
  if (typeof processId !== 'number') return false
  const values = Object.entries(limits).map(([name, ms]) => `('${name}', '${ms}')`)
  try {
    // In one statement, so that nothing is set where it is not.
    const result = await query(
      `select set_config(name, value, false), set_config('${HELD_PREFIX}' || name, value, false)
       from (values ${values.join(', ')}) as held (name, value) where pg_backend_pid() = $1`,
      [processId],
    )
    return (result as { readonly rows: readonly unknown[] }).rows.length === values.length
  } catch {
    // Another database than Postgres, say. Where the connection is gone, the next statement tells.
    return false
  }
}

const BEGINS = /^\s*(begin|start\s+transaction)\b/i
const ENDS = /^\s*(commit|end|abort|rollback(?!\s+to))\b/i

/**
 * Has each statement run under limits where a pooler such as PgBouncer refuses or drops what a session asks for
 * when it begins, and lends its connections to others between two transactions. So they are set for each transaction, in
 * the message that begins it, and a statement that stands alone gets a transaction of its own.
 *
 * @param pipelines whether the connection sends a statement before the one before it is answered. Then all three of such
 * a transaction leave together; otherwise they take two more ways to the server and back.
 */
export function withLimits(query: Query, limits: ServerLimits, { pipelines }: { pipelines: boolean }): Query {
  const settings = Object.entries(limits).map(([name, ms]) => `; set local ${name} = ${ms}`)
  const begin = (sql: string) => query(sql + settings.join(''), [])
  let isOpen = false

  async function undoing<T>(steps: () => Promise<T>): Promise<T> {
    try {
      return await steps()
    } catch (error) {
      // Where the connection is gone this fails too, and says less.
      if (!hasGivenUp(error)) await query('rollback', []).catch(() => {})
      throw error
    }
  }

  async function inTurn(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    await begin('begin')
    const result = await query(sql, parameters)
    await query('commit', [])
    return result
  }

  /** Where one of them fails, the server refuses those behind it, and its commit rolls back. */
  async function together(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    const sent = [begin('begin'), query(sql, parameters), query('commit', [])]
    const [begun, result, committed] = await Promise.allSettled(sent)
    for (const answer of [begun, result, committed]) if (answer?.status === 'rejected') throw answer.reason
    return result?.status === 'fulfilled' ? result.value : undefined
  }

  async function alone(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      return await (pipelines ? together(sql, parameters) : undoing(() => inTurn(sql, parameters)))
    } catch (error) {
      if (mustStandAlone(error)) return query(sql, parameters)
      throw error
    }
  }

  return async (sql, parameters) => {
    if (!isOpen && !BEGINS.test(sql)) return alone(sql, parameters)
    const result = isOpen ? await query(sql, parameters) : await undoing(() => begin(sql))
    isOpen = !ENDS.test(sql)
    return result
  }
}

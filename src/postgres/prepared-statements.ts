/** A statement is prepared when it has come for so many times, as pgJDBC does it: what comes once is not worth it. */
const PREPARED_AT = 5

/** A program that writes its values into its statements has a new one each time; the server keeps what is prepared. */
const MOST_STATEMENTS = 200

/**
 * A longer text, in characters, is a list of rows written out, one for each number of rows. What a server keeps of one takes
 * megabytes, on each connection.
 */
const LONGEST_TEXT = 10_000

/** Which statements of a pool are prepared. */
export interface PreparedStatements {
  /** @returns the name under which a connection may prepare it now, and send it from then on; absent: send it as it is */
  nameOf(text: string): string | undefined
  /** No statement has a name any more. */
  stop(): void
}

/**
 * Statements that come again and again get a name, so that each connection has them parsed and planned once. The name is
 * made of the text: behind a pooler, connections find what other programs prepared, and the same name must mean the same.
 * That takes a moment, in which the statement goes on without one.
 */
export function preparedStatements(): PreparedStatements {
  const seen = new Map<string, { times: number; name?: string }>()
  let stopped = false
  return {
    nameOf(text) {
      if (stopped || text.length > LONGEST_TEXT) return undefined
      const statement = seen.get(text) ?? { times: 0 }
      if (statement.times === 0 && seen.size < MOST_STATEMENTS) seen.set(text, statement)
      statement.times += 1
      if (statement.times === PREPARED_AT) {
        void nameFor(text).then((name) => {
          statement.name = name
        })
      }
      return statement.name
    },
    stop() {
      stopped = true
    },
  }
}

/** Far under the 63 bytes that Postgres keeps of a name, and long enough that two texts never share one. */
async function nameFor(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  const hex = Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0'))
  return `backfill_${hex.join('')}`
}

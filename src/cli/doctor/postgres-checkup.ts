import type { Pool } from 'pg'
import { abortable, settledWithin } from '../../util/abort.ts'
import { byteSize } from '../../util/format.ts'
import { installed } from '../../util/installed.ts'
import { type Database, nameOf } from '../database.ts'
import { type Finding, type Looks, look } from './findings.ts'

/** The oldest that is tested, as `server_version_num` has it. */
const OLDEST = 140_000
/** A run takes seven connections with its defaults. */
const CONNECTIONS = 7

/** How long the connection may take to close, in milliseconds. */
const CLOSE_MS = 500

type PostgresDatabase = Extract<Database, { kind: 'postgres' }>

/** The server, what this user may do there, and the room for connections. */
export async function checkPostgres(database: PostgresDatabase, parts: Looks): Promise<readonly Finding[]> {
  const subject = `database ${nameOf(database)}`
  return look(
    subject,
    parts,
    async (signal) => {
      const { createPool } = await installed(
        'doctor',
        ['pg', 'kysely'],
        () => import('../../postgres/own-pool.ts'),
      )
      const { pool } = createPool(database.url, {
        max: 1,
        applicationName: 'atproto-collection-backfill doctor',
      })
      try {
        return findingsOf(subject, await abortable(ask(pool, database.schema), signal))
      } finally {
        // It waits for a connection that is still under way, which may hang.
        await settledWithin(CLOSE_MS, pool.end())
      }
    },
    {
      advice:
        'Check that the server runs there, and that user, password and the name of the database are right.',
    },
  )
}

interface Answer {
  readonly version: string
  readonly number: number
  readonly bytes: number
  readonly standby: boolean
  readonly read_only: boolean
  readonly writes: boolean | null
  readonly creates: boolean | null
  readonly free: number
}

/** One statement, which any server and any user can be asked. */
async function ask(pool: Pool, schema: string | undefined): Promise<Answer> {
  const { rows } = await pool.query<Answer>(
    `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
       pg_database_size(current_database())::float8 as bytes, pg_is_in_recovery() as standby,
       current_setting('transaction_read_only')::bool as read_only,
       (select has_table_privilege(oid, 'insert') from pg_class where oid = to_regclass($2)) as writes,
       (select has_schema_privilege(oid, 'create') from pg_namespace where nspname = $1) as creates,
       current_setting('max_connections')::int - (select count(*)::int from pg_stat_activity) as free`,
    [schema ?? 'public', `${schema === undefined ? '' : `${quoted(schema)}.`}collection_index_pair`],
  )
  const [row] = rows
  if (row === undefined) throw new Error('the server answered nothing')
  return row
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function findingsOf(subject: string, answer: Answer): Finding[] {
  const { version, number, bytes, standby, read_only: readOnly, writes, creates, free } = answer
  const findings: Finding[] = [
    number >= OLDEST
      ? { subject, state: 'ok', found: `Postgres ${version}, ${byteSize(bytes)}` }
      : {
          subject,
          state: 'warn',
          found: `Postgres ${version} is older than what is tested`,
          advice: 'Use 14 or later.',
        },
  ]
  const onlyReads = standby ? 'a standby' : readOnly ? 'a session that may only read' : undefined
  if (onlyReads !== undefined) {
    const advice = 'A run needs the primary. To read and to serve, this will do.'
    findings.push({ subject, state: 'warn', found: onlyReads, advice })
  } else if (writes === false || (writes === null && creates === false)) {
    const found =
      writes === null ? 'this user may not create the tables' : 'this user may only read the tables'
    findings.push({
      subject,
      state: 'warn',
      found,
      advice: 'A run needs more: grant it, or name another user.',
    })
  }
  if (free < CONNECTIONS) {
    const found = `${Math.max(0, free)} connections are free, and a run takes ${CONNECTIONS}`
    findings.push({
      subject,
      state: 'warn',
      found,
      advice: 'Raise max_connections, or run with --concurrency 1.',
    })
  }
  return findings
}

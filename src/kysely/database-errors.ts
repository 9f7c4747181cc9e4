import { BackfillError, StoreUnavailableError } from '../errors.ts'
import { describe } from '../util/describe.ts'
import { NotMigratedError } from './table-errors.ts'

/** A right is missing: on a table, or to create one. */
const NOT_PERMITTED = '42501'

/** Undefined table, undefined column, undefined schema. */
const NOT_MIGRATED = new Set(['42P01', '42703', '3F000'])

/** Serialization failure and deadlock: the database asks to run the transaction again. */
const CONFLICT = new Set(['40001', '40P01'])

/**
 * Another session created the same object at the same time: duplicate key in the catalog, schema, table, column,
 * object.
 */
const CREATED_MEANWHILE = new Set(['23505', '42P06', '42P07', '42701', '42710'])

/** What passes without anyone changing the program: whole classes by their two digits, single states by all five. */
const UNAVAILABLE = new Set([
  '08', // the connection
  '53', // resources: disk full, out of memory, too many connections
  '25006', // read-only
  '25P03', // idle in a transaction for too long
  '25P04', // a transaction that took too long
  '55P03', // a lock was not to be had in time
  '57014', // a statement that took too long, or was cancelled
  '57P01', // shutting down
  '57P02', // crashed
  '57P03', // starting
  '57P05', // an idle session was ended
  '58030', // input or output failed
  ...CONFLICT,
])

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
  'ENOTFOUND',
])

/** The codes of postgres.js (without a prefix) and of Bun's SQL for connections that are gone or not to be had. */
const CONNECTION_CODE =
  /^(ERR_POSTGRES_)?(CONNECTION_(CLOSED|ENDED|DESTROYED|TIMEOUT|FAILED|REFUSED)|CONNECT_TIMEOUT|IDLE_TIMEOUT|LIFETIME_TIMEOUT)$/

/** What Node and Bun say of a TLS connection that does not come about: a certificate can be renewed. */
const TLS_CODE = /^(ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH$|EPROTO$)/

/** What Citus says when it lost one of its nodes, under the code of an internal error or another one. */
const NODE_MESSAGE =
  /^(connection to the remote node |failure on connection marked as essential|failed to COPY to shard )/

/** What pg, its pool and Kysely say of connections that are gone; these errors carry no code. */
const CONNECTION_MESSAGE =
  /^(Connection terminated|The server does not support SSL connections|There was an error establishing an SSL connection|Client has encountered a connection error|Client was closed|Query read timeout|timeout exceeded when trying to connect|timeout expired|Postgres connection has been discarded)/

/** A transaction whose COMMIT was sent and not answered with success: it may be committed or not. */
export class CommitUnansweredError extends Error {
  constructor(cause: unknown) {
    super('The answer to a COMMIT was lost.', { cause })
  }
}

/** Whether the database asks to run the same transaction again; said by the error itself or by one that caused it. */
export function isConflict(error: unknown): boolean {
  return causes(error).some((cause) => CONFLICT.has(codeOf(cause)))
}

/** An error of the database as the library's own where it has one: not migrated, or not available now. Others stay. */
export function toStoreError(error: unknown): unknown {
  if (error instanceof CommitUnansweredError) return toStoreError(error.cause)
  if (!(error instanceof Error) || error instanceof BackfillError) return error
  if (NOT_MIGRATED.has(codeOf(error))) return new NotMigratedError(error)
  if (codeOf(error) === NOT_PERMITTED) return notPermitted(error)
  if (!isUnavailable(error)) return error
  return new StoreUnavailableError(`The database cannot be used at the moment: ${describe(error)}.`, error)
}

function notPermitted(error: Error): BackfillError {
  const message =
    `The database does not permit this: ${describe(error)}. Grant it, or use another user. A run needs SELECT, INSERT and ` +
    "UPDATE on the backfill's tables, a removal DELETE on the pairs, a migration CREATE on their schema; SELECT is enough to read."
  return new BackfillError('STORE_NOT_PERMITTED', message, { cause: error, scope: 'run' })
}

function isUnavailable(error: Error): boolean {
  const code = codeOf(error)
  if (code === '') return CONNECTION_MESSAGE.test(error.message)
  if (UNAVAILABLE.has(code) || UNAVAILABLE.has(code.slice(0, 2)) || NETWORK.has(code)) return true
  if (isConnecting(error)) return true
  return CONNECTION_CODE.test(code) || TLS_CODE.test(code) || NODE_MESSAGE.test(error.message)
}

/** Whether the system failed to connect, whatever its reason: no such socket, no right to use it. */
function isConnecting(error: Error): boolean {
  return 'syscall' in error && error.syscall === 'connect'
}

/** Whether a driver stopped waiting for an answer while the server works on: pg does after its `query_timeout`. */
export function hasGivenUp(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout'
}

/**
 * Whether each later query on the same connection would fail too: its answers are late, or its session is read-only.
 */
export function isLastingOnConnection(error: unknown): boolean {
  return hasGivenUp(error) || codeOf(error) === '25006'
}

/** Whether the server does not let this user in: class 28, user or password; 3D000, no such database. */
export function isAccessRefused(error: unknown): boolean {
  const code = codeOf(error)
  return code.startsWith('28') || code === '3D000'
}

/** Whether the name of what was to be created is taken, by another session that did the same or from before. */
export function isCreatedAlready(error: unknown): boolean {
  return CREATED_MEANWHILE.has(codeOf(error))
}

/** What VACUUM, CREATE INDEX CONCURRENTLY and their like say in a transaction, before they do anything. */
export function mustStandAlone(error: unknown): boolean {
  return codeOf(error) === '25001'
}

/** Whether a lock was not free: what `nowait` gives. */
export function isLockTaken(error: unknown): boolean {
  return codeOf(error) === '55P03'
}

/** Whether the database refused a value, as it does with a character that its encoding lacks: class 22. */
export function isDataRefused(error: unknown): boolean {
  return codeOf(error).startsWith('22')
}

/** Whether this kind of database does not do what other kinds do: feature not supported. */
export function isUnsupported(error: unknown): boolean {
  return codeOf(error) === '0A000'
}

/** The SQLSTATE, or the code of the driver or the system; empty without one. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { code, errno } = error as { code?: unknown; errno?: unknown }
  // Bun's SQL gives its own code to what the server says, and the SQLSTATE as the number.
  const given = code === 'ERR_POSTGRES_SERVER_ERROR' ? errno : code
  return typeof given === 'string' ? given : ''
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = []
  for (let cause = error; cause instanceof Error && chain.length < 10; cause = cause.cause) chain.push(cause)
  return chain
}

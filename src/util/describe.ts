import type { CollectionFailure, HostFailure, RelayFailure } from '../contracts/run-failures.ts'
import { apartFromCancelled } from './flags.ts'

/** The wait that the error carries, in milliseconds; 0 without one. */
export function retryAfterMs(error: unknown): number {
  const asked = error instanceof Error && 'retryAfterMs' in error ? error.retryAfterMs : undefined
  return typeof asked === 'number' ? asked : 0
}

/** An error in one line: its message, with the cause where the message alone says little. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  // That message names the package and the command that installs it; the cause only says again that it is missing.
  const isWhole = 'code' in error && error.code === 'NOT_INSTALLED'
  const because =
    !isWhole && cause instanceof Error && cause.message !== '' && !error.message.includes(cause.message)
  const message = error.message === '' ? error.name : error.message
  return because ? `${message.replace(/\.$/, '')}: ${cause.message}` : message
}

/** A value as it would be written in code, cut to a readable length. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

/** What a run could not complete. */
interface Incomplete {
  readonly failures: readonly CollectionFailure[]
  readonly relays: readonly RelayFailure[]
  readonly hosts: readonly HostFailure[]
}

/** What is left of a run, the first ten collections, or hosts, by name. */
export function incompleteText({ failures, relays, hosts }: Incomplete): string {
  const namesRelays = relays.length > 0 || new Set(failures.map(({ relay }) => relay)).size > 1
  const { failed, cancelled } = apartFromCancelled(failures)
  const isCollections = failed.length > 0 || failures.length + relays.length + hosts.length === 0
  const counts = [
    ...(relays.length > 0 ? [counted(relays.length, 'relay')] : []),
    ...(isCollections ? [counted(failed.length, 'collection')] : []),
    ...(hosts.length > 0 ? [counted(hosts.length, 'host')] : []),
  ]
  const named = [
    ...[...failed, ...cancelled].map(
      ({ relay, collection, lastError }) => `${collection}${namesRelays ? ` at ${relay}` : ''}: ${lastError}`,
    ),
    ...hosts.map(({ host, lastError }) => `${host}: ${lastError}`),
  ]
  const lines = [
    ...relays.map(({ relay, error }) => `${relay}: ${describe(error)}`),
    ...named.slice(0, 10),
    ...(named.length > 10 ? [`and ${named.length - 10} more`] : []),
  ]
  const sentences = [
    ...(counts.length > 0 ? [`${counts.join(' and ')} failed. Run again to retry.`] : []),
    ...(cancelled.length > 0 ? [cancelledText(cancelled.length)] : []),
  ]
  return `${sentences.join(' ')}${lines.map((line) => `\n  ${line}`).join('')}`
}

function cancelledText(count: number): string {
  return count === 1
    ? '1 collection was cancelled, and is read once it is retried by its name.'
    : `${count} collections were cancelled, and are read once they are retried by their names.`
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`

/** Why no collection is known. */
export function undiscoveredText(errors: readonly { source: string; error: unknown }[]): string {
  const reasons = errors.map(({ source, error }) => ` ${source}: ${describe(error).replace(/\.$/, '')}`)
  const why = reasons.length > 0 ? `These failed:${reasons.join(';')}.` : 'Each answered with an empty list.'
  const none = 'No source listed a collection, and none is registered from an earlier run.'
  return `${none} ${why} Give collections by name, or run again later.`
}

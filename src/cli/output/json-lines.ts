import type { BackfillEvent } from '../../contracts/events.ts'
import { BackfillError } from '../../errors.ts'
import type { Output } from './screen.ts'

/** Errors that are caused by errors, no further than this. */
const MAX_CAUSES = 5
/** The code of an error that has none. */
const UNKNOWN = 'UNKNOWN'

/** Writes an object in one line, with its type and the time. */
export type WriteEvent = (type: string, fields: object) => void

export function eventWriter(out: Output, debug: boolean): WriteEvent {
  return (type, fields) => {
    const line = { type, at: new Date(), ...fields }
    out.write(
      `${JSON.stringify(line, (_, value) => (value instanceof Error ? plainError(value, debug) : value))}\n`,
    )
  }
}

/**
 * An event of a run, under its own type. Pages tell the number of their DIDs: a line for each must not be 100 kB long.
 */
export function writeBackfillEvent(write: WriteEvent, event: BackfillEvent): void {
  const { type, ...fields } = event
  if (event.type !== 'page') return write(type, withError(fields))
  const { dids, ...page } = event
  write(type, { ...page, repos: dids.length })
}

/** Anything can be thrown; what is read here is always an object. */
function withError(context: object & { error?: unknown }): object {
  const { error } = context
  if (error === undefined || error instanceof Error) return context
  return { ...context, error: { code: UNKNOWN, message: String(error) } }
}

/** An error with its code, its message and what else it tells, for a program to read. */
function plainError(error: Error, debug: boolean, depth = 0): object {
  const { name, message, stack } = error
  const cause =
    error.cause instanceof Error && depth < MAX_CAUSES ? plainError(error.cause, debug, depth + 1) : undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : UNKNOWN
  const told = error instanceof BackfillError ? { ...error } : {}
  return { ...told, name, code, message, cause, ...(debug ? { stack } : {}) }
}

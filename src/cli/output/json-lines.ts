import type { BackfillHooks, PageEvent } from '../../contracts/events.ts'
import { BackfillError } from '../../errors.ts'
import { HOOK_NAMES } from '../../run/hooks.ts'
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

/** Every hook of a relay's run as an event of its name. */
export function eventHooks(write: WriteEvent, relay: string): BackfillHooks {
  const tell = (name: string) => (context: object) => write(name, { source: relay, ...withError(context) })
  return Object.fromEntries(HOOK_NAMES.map((name) => [name, tell(name)]))
}

/** Anything can be thrown; what is read here is always an object. */
function withError(context: object & { error?: unknown }): object {
  const { error } = context
  if (error === undefined || error instanceof Error) return context
  return { ...context, error: { code: UNKNOWN, message: String(error) } }
}

/** A page as an event, with the number of its DIDs: a line for each page must not be a hundred kilobytes. */
export function pageEvent({ dids, ...event }: PageEvent): object {
  return { ...event, repos: dids.length }
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

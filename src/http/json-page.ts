import { RelayError } from '../errors.ts'
import { cursorProblem, isNoCursor } from '../util/cursor.ts'
import { oneLine } from '../util/text.ts'
import { hasTooManyValues, MOST_VALUES } from './json-size.ts'
import { type Asked, context, subject } from './response-error.ts'

/** One page of a list, as JSON: an object with some list in it, and where the next page begins. */
export interface JsonPage {
  /** The whole answer; what is in it is for the caller to check. */
  readonly body: Readonly<Record<string, unknown>>
  /** Absent on the last page: servers leave it out there, or send null or an empty string. */
  readonly cursor: string | undefined
}

/**
 * Reads the body of a successful answer that is a page of a list.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`
 */
export function parseJsonPage(text: string, asked: Asked): JsonPage {
  const body = parseJson(text, asked)
  if (typeof body !== 'object' || body === null) throw badPage(asked, 'is not a JSON object', text)
  return { body: body as Record<string, unknown>, cursor: cursorOf(body, asked, text) }
}

function cursorOf({ cursor }: { cursor?: unknown }, asked: Asked, text: string): string | undefined {
  if (isNoCursor(cursor)) return undefined
  const problem = cursorProblem(cursor)
  if (problem !== undefined) throw badPage(asked, `has ${problem}`, text)
  return String(cursor)
}

function parseJson(text: string, asked: Asked): unknown {
  if (hasTooManyValues(text)) throw badPage(asked, `has more than ${MOST_VALUES} values`, text)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badPage(asked, 'is not JSON', text, error)
  }
}

/** The error for a page that is taken as a whole for no page. `problem` goes on from "a page of x that". */
export function badPage(asked: Asked, problem: string, text: string, cause?: unknown): RelayError {
  const beginning = oneLine(text, 100)
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `${asked.url.host} answered a page of ${subject(asked)} that ${problem}; nothing of it is used. ` +
      `It begins: ${beginning === '' ? '(empty)' : beginning}`,
    { ...context(asked), status: 200, cause, retryable: true },
  )
}

/**
 * The longest cursor that is believed, in characters. Real ones have under 200; it goes into a URL and a row.
 */
const MAX_CURSOR_LENGTH = 4096

/** What is wrong with a cursor that a server or a lister gave, as the end of "it has …"; nothing for a usable one. */
export function cursorProblem(cursor: unknown): string | undefined {
  if (typeof cursor !== 'string') return `a cursor that is not a string (${typeof cursor})`
  if (cursor.length > MAX_CURSOR_LENGTH) {
    return `a cursor of ${cursor.length} characters, more than ${MAX_CURSOR_LENGTH}`
  }
  // Half a surrogate pair would not reach the server again as it came, and no Postgres text holds a NUL.
  if (cursor.includes('\0') || /[\p{Cs}\uFFFD]/u.test(cursor)) {
    return 'a cursor with characters that cannot be stored and sent back'
  }
  return undefined
}

/**
 * Whether a cursor means that there is none: servers leave it out on the last page, or send null or an empty string.
 */
export function isNoCursor(cursor: unknown): cursor is undefined | null | '' {
  return cursor === undefined || cursor === null || cursor === ''
}

/** Whether an error is a server's answer to a request that carried a cursor, by its lister's word. */
export function refusesCursor(error: unknown): error is Error {
  return error instanceof Error && 'cursorRefused' in error && error.cursorRefused === true
}

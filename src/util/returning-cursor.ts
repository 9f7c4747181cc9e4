/**
 * The cursors that this library's own server gives where it follows a feed: each also tells when its list was begun, so
 * that a reader who comes back with it gets what is new since then. The server makes them, and a walk, which does not
 * come back, takes the plain cursor out of them: that of one place is always the same, and ends with the list.
 */

/** When a list was begun. */
export interface ListBeginning {
  /** Whose positions these are: `NewcomerPositions.series`. */
  readonly series: string
  /** What came up to this position is in the list, or was given already. */
  readonly position: number
  /** A number that is another one whenever an import has ended that may have added to the list. */
  readonly imports: number
}

/**
 * `list`: goes on in the list, at the plain cursor. `newcomers`: the list is at its end, and what is new follows; the
 * plain cursor names the list.
 */
export interface ReturningCursor {
  readonly kind: 'list' | 'newcomers'
  readonly plain: string
  readonly begun: ListBeginning
}

const KINDS = { list: 'l', newcomers: 'n' } as const

/** A plain cursor has no dot. */
const FORM = /^([\w-]+)\.([ln])\.([\w-]{1,64})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})$/

export function returningCursor({ kind, plain, begun }: ReturningCursor): string {
  const { series, position, imports } = begun
  return [plain, KINDS[kind], series, position.toString(36), imports.toString(36)].join('.')
}

/** @returns nothing for any other text */
export function readReturningCursor(cursor: string): ReturningCursor | undefined {
  const [, plain, kind, series, position, imports] = FORM.exec(cursor) ?? []
  if (plain === undefined || series === undefined) return undefined
  const numbers = [position, imports].map((digits = '') => Number.parseInt(digits, 36))
  if (!numbers.every(Number.isSafeInteger)) return undefined
  const begun = { series, position: numbers[0] ?? 0, imports: numbers[1] ?? 0 }
  return { kind: kind === KINDS.list ? 'list' : 'newcomers', plain, begun }
}

/** The cursor as a walk keeps it: nothing at the end of the list, whatever might follow later. */
export function walkCursor(cursor: string): string | undefined {
  const returning = readReturningCursor(cursor)
  if (returning === undefined || !namesItsList(returning.plain)) return cursor
  return returning.kind === 'list' ? returning.plain : undefined
}

/** As this library's own do, with a NUL behind the name: another server's cursor of the same form is left as it is. */
function namesItsList(plain: string): boolean {
  try {
    return atob(plain.replaceAll('-', '+').replaceAll('_', '/')).includes('\0')
  } catch {
    return false
  }
}

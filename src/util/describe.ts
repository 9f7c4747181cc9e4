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

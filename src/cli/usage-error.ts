/** What was asked for cannot be done as it was written; the message says how to write it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

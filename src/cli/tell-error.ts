import { inspect } from 'node:util'
import { isBackfillError } from '../errors.ts'
import { describe } from '../util/describe.ts'
import { printable } from '../util/text.ts'
import { type Context, EXIT } from './context.ts'
import { UsageError } from './usage-error.ts'

/** One line that says what is wrong and what to do. @returns the exit code */
export function tell(error: unknown, { err }: Pick<Context, 'err'>, debug = false): number {
  const text = debug ? inspect(error) : printable(describe(error))
  err.write(`atproto-collection-backfill: ${text}\n`)
  const isUsage = error instanceof UsageError || isBackfillError(error, 'INVALID_OPTION')
  return isUsage ? EXIT.usage : EXIT.incomplete
}

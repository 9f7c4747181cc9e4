import { type AskedSource, type Discovery, discover } from '../run/discovery.ts'
import { describe } from '../util/describe.ts'
import { duration } from '../util/format.ts'
import type { RetryPolicy } from '../util/retry.ts'
import { printable } from '../util/text.ts'
import type { Context } from './context.ts'
import { invalidTexts } from './output/messages.ts'

/** Not as often as in a run: a person sits before the screen and waits. */
export const SOURCE_RETRY: RetryPolicy = { retries: 2, minDelayMs: 1_000, maxDelayMs: 10_000 }

/** Says what goes wrong as it comes, beside the list that may go to another program. */
export async function askForCollections(
  sources: readonly AskedSource[],
  { err, interruption: { signal } }: Context,
): Promise<Discovery> {
  const say = (name: string, what: string) => err.write(`! ${printable(name)} ${printable(what)}\n`)
  const discovery = await discover(sources, {
    // None is walked.
    relays: [],
    signal,
    retry: SOURCE_RETRY,
    onRetry: ({ source, error, waitMs }) => say(source, `again in ${duration(waitMs)}: ${describe(error)}`),
  })
  for (const { source, error } of discovery.errors) say(source, `failed: ${describe(error)}`)
  for (const [source, what] of invalidTexts(discovery)) say(source, what)
  return discovery
}

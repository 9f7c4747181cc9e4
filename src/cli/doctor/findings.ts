import { describe } from '../../util/describe.ts'

/** What one look found: `fail` keeps a command from its work, `warn` may become trouble. */
export interface Finding {
  /** What was looked at: `relay relay.example`. */
  readonly subject: string
  readonly state: 'ok' | 'warn' | 'fail'
  /** In a sentence without a stop. */
  readonly found: string
  /** What to do. */
  readonly advice?: string | undefined
}

/** How long one look may take, in milliseconds. */
const LOOK_MS = 15_000

/** How the looks are made: each once, within a time. */
export interface Looks {
  readonly signal: AbortSignal
}

/**
 * Takes a look. What it throws is a finding, too.
 *
 * @param trouble what such an error means. @default fail
 */
export async function look(
  subject: string,
  { signal }: Looks,
  take: (signal: AbortSignal) => Promise<Finding | readonly Finding[]>,
  trouble: { readonly state?: 'warn' | 'fail'; readonly advice?: string } = {},
): Promise<readonly Finding[]> {
  const late = AbortSignal.timeout(LOOK_MS)
  try {
    return [await take(AbortSignal.any([signal, late]))].flat()
  } catch (error) {
    // An abort is the caller's decision, and nothing that was found.
    signal.throwIfAborted()
    const found = late.aborted ? `no answer within ${LOOK_MS / 1000} s` : withoutStop(describe(error))
    return [{ subject, state: 'fail', found, ...trouble }]
  }
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '')
}

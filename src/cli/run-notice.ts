import { childController } from '../util/abort.ts'
import { describe } from '../util/describe.ts'
import { apartFromCancelled } from '../util/flags.ts'
import { duration, plural } from '../util/format.ts'
import { retrying } from '../util/retry.ts'
import { printable } from '../util/text.ts'
import { VERSION } from '../util/version.ts'
import type { Context } from './context.ts'
import type { RunEnd } from './run-report.ts'
import { UsageError } from './usage-error.ts'

/** What is told of a run that has ended. */
export interface EndedRun {
  readonly end: RunEnd
  readonly relays: readonly string[]
  readonly database: string
  readonly startedAt: Date
}

/** Tells another server of the end of runs. It never rejects: what goes wrong with it is said. */
export type SendNotice = (run: EndedRun) => Promise<void>

const TIMEOUT_MS = 10_000
const RETRY = { retries: 2, minDelayMs: 1_000, maxDelayMs: 5_000 } as const
/** After Ctrl-C the process ends within two seconds, whatever hangs. */
const LAST_MS = 1_000

/** More would not be read. */
const MOST_FAILURES = 50

/**
 * Notices of the option `--notify`, as `POST` with JSON. The URL may be a secret, as those of chats are: nothing but its
 * origin is ever said.
 *
 * @throws UsageError for what is no URL of http
 */
export function noticesTo(url: string | undefined, { err, interruption }: Context): SendNotice {
  if (url === undefined || url === '') return async () => {}
  const target = URL.canParse(url) ? new URL(url) : undefined
  // The value is not repeated.
  if (
    target === undefined ||
    !/^https?:$/.test(target.protocol) ||
    target.username !== '' ||
    target.password !== ''
  )
    throw new UsageError(
      '--notify must be an http or https URL without a user, such as https://hooks.example/abc.',
    )
  const { origin, href } = target
  const say = (error: unknown, what: string) => {
    const why = describe(error).replaceAll(url, origin).replaceAll(href, origin).replace(/\.$/, '')
    err.write(`! ${printable(origin)} could not be notified: ${printable(why)}.${what}\n`)
  }
  return async (run) => {
    const { aborted } = interruption.signal
    const giveUp = childController(undefined)
    const timer = setTimeout(
      () => giveUp.abort(new Error('it took too long')),
      aborted ? LAST_MS : 10 * TIMEOUT_MS,
    )
    const stop = () => giveUp.abort(new Error('stopped'))
    if (!aborted) interruption.signal.addEventListener('abort', stop, { once: true })
    try {
      await retrying(() => post(target, noticeOf(run), giveUp.signal), {
        ...RETRY,
        retries: aborted ? 0 : RETRY.retries,
        signal: giveUp.signal,
        mayRetry: (error) => !(error instanceof RefusedNotice && !error.mayPass),
        onRetry: ({ error, waitMs }) => say(error, ` Again in ${duration(waitMs)}.`),
      })
    } catch (error) {
      say(error, error instanceof RefusedNotice && error.isElsewhere ? ' Give the URL that it leads to.' : '')
    } finally {
      clearTimeout(timer)
      interruption.signal.removeEventListener('abort', stop)
    }
  }
}

class RefusedNotice extends Error {
  readonly mayPass: boolean
  readonly isElsewhere: boolean
  constructor(status: number) {
    super(`it answered ${status}`)
    this.isElsewhere = status >= 300 && status < 400
    this.mayPass = status === 429 || status >= 500
  }
}

async function post(url: URL, body: object, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': `atproto-collection-backfill/${VERSION}` },
    body: JSON.stringify(body),
    // Where it leads elsewhere is not where the user meant to send it.
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  })
  await response.body?.cancel()
  if (!response.ok) throw new RefusedNotice(response.status)
}

/** What is sent: for a program, and in `text` for a person, where chats look for it. */
function noticeOf({ end, relays, database, startedAt }: EndedRun): object {
  const { outcome, exitCode } = end
  const endedAt = new Date()
  const error = 'error' in end ? plainError(end.error) : undefined
  const summary = 'summary' in end ? end.summary : undefined
  const failed = 'failures' in end ? end : undefined
  return {
    type: 'end',
    text: textOf({ end, relays }),
    outcome,
    exitCode,
    startedAt,
    endedAt,
    durationMs: endedAt.getTime() - startedAt.getTime(),
    relays,
    database,
    ...(summary && { summary }),
    ...(failed && {
      failed: failed.failures.length,
      failures: failed.failures.slice(0, MOST_FAILURES),
      failedRelays: failed.failedRelays.map(({ relay, error: reason }) => ({
        relay,
        error: plainError(reason),
      })),
    }),
    ...(error && { error }),
  }
}

function plainError(error: unknown): { code: string; message: string } {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
  return { code, message: describe(error) }
}

const OUTCOMES: Readonly<Record<RunEnd['outcome'], string>> = {
  complete: 'is complete',
  incomplete: 'is incomplete',
  interrupted: 'was stopped',
  failed: 'failed',
}

function textOf({ end, relays }: Pick<EndedRun, 'end' | 'relays'>): string {
  const what = `The collection backfill from ${relays.join(', ')} ${OUTCOMES[end.outcome]}`
  if (end.outcome === 'failed') return `${what}: ${describe(end.error)}`
  if (end.outcome !== 'incomplete') return `${what}.`
  const { failed, cancelled } = apartFromCancelled(end.failures)
  const counts = [
    ...(failed.length > 0 ? [plural(failed.length, 'collection')] : []),
    ...(end.failedRelays.length > 0 ? [plural(end.failedRelays.length, 'relay')] : []),
  ]
  const left = [
    ...(counts.length > 0 ? [`${counts.join(' and ')} failed`] : []),
    ...(cancelled.length > 0
      ? [`${plural(cancelled.length, 'collection was', 'collections were')} cancelled`]
      : []),
  ]
  return `${what}: ${left.join(', ')}.`
}

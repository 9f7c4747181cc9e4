import type { BackfillEvent, BackfillListener, RetryEvent } from '../contracts/events.ts'
import { describe } from '../util/describe.ts'
import { missingText } from '../util/missing-text.ts'

/** Where Node, Bun and Deno take warnings. Browsers have no such thing. */
interface WarningProcess {
  emitWarning?(message: string, options: { type: string; code: string }): void
}

/**
 * The listener of a run that was given none: the first retry, the first pause, the first failure, the first time that
 * the store is unavailable and what is missing from the index are each a process warning, or a line on the console where
 * there is no process. Further ones of the same kind are not told, so that a run of hours does not fill a log.
 */
export function warnOnce(warn?: (message: string, code: string) => void): BackfillListener {
  return warnFirst(warningOf, warn)
}

/** A process warning, without its last sentence. */
export interface Warning {
  readonly code: string
  readonly message: string
}

/** A listener that warns of the first event of each code. */
export function warnFirst<Event>(
  warningOf: (event: Event) => Warning | undefined,
  warn: (message: string, code: string) => void = emitWarning,
): (event: Event) => void {
  const told = new Set<string>()
  return (event) => {
    const warning = warningOf(event)
    if (warning === undefined || told.has(warning.code)) return
    told.add(warning.code)
    warn(`${warning.message} Only the first is reported: \`onEvent\` gets all.`, warning.code)
  }
}

function warningOf(event: BackfillEvent): Warning | undefined {
  const { relay, type } = event
  switch (type) {
    case 'retry': {
      const again = `It is tried again in ${seconds(event.waitMs)}.`
      return {
        code: 'BACKFILL_RETRY',
        message: `${relay}: ${triedFor(event)} failed${because(event.error)}. ${again}`,
      }
    }
    case 'paused': {
      const pause = `all requests wait for ${seconds(event.waitMs)}`
      return { code: 'BACKFILL_PAUSED', message: `${relay}: ${pause}${because(event.error)}.` }
    }
    case 'sourceFailed':
      return {
        code: 'BACKFILL_FAILED',
        message: `${relay}: the source ${event.source} failed${because(event.error)}. The others go on.`,
      }
    case 'indexMissing':
      return { code: 'BACKFILL_INDEX_MISSING', message: `${relay}: ${missingText(event.collections)}.` }
    case 'collectionFailed': {
      const { collection, retryInMs, restart } = event
      const again = restart ? ' It begins again.' : ` It is tried again in ${seconds(retryInMs ?? 0)}.`
      const next = retryInMs === undefined && !restart ? '' : again
      return {
        code: 'BACKFILL_FAILED',
        message: `${relay}: ${collection} failed${because(event.error)}.${next}`,
      }
    }
    case 'relayFailed':
      return {
        code: 'BACKFILL_FAILED',
        message: `${relay}: the run over this relay failed${because(event.error)}. The other relays go on.`,
      }
    case 'storeUnavailable': {
      const again = `The run waits for it and tries again in ${seconds(event.waitMs)}.`
      return {
        code: 'BACKFILL_STORE_UNAVAILABLE',
        message: `${relay}: the store cannot be used${because(event.error)}. ${again}`,
      }
    }
  }
  return undefined
}

function triedFor({ source, collection, call }: RetryEvent): string {
  if (call !== undefined) return `the progress store’s ${call}`
  if (source !== undefined) return `the source ${source}`
  return collection === undefined ? 'the check of the relay' : `a request or a write for ${collection}`
}

export function because(error: unknown): string {
  return error === undefined ? '' : `: ${describe(error).replace(/\.$/, '')}`
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.ceil(ms)} ms` : `${Math.round(ms / 100) / 10} s`
}

function emitWarning(message: string, code: string): void {
  const { process } = globalThis as { process?: WarningProcess }
  if (process?.emitWarning) process.emitWarning(message, { type: 'BackfillWarning', code })
  else console.warn(`BackfillWarning [${code}]: ${message}`)
}

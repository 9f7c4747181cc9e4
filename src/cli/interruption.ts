import { constants } from 'node:os'
import { describe } from '../util/describe.ts'
import { printable } from '../util/text.ts'
import type { Output } from './output/screen.ts'

/** The signals that ask a program to end. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How long an end may take that was asked for, in milliseconds: a database that hangs must not hold anybody up. */
const LONGEST_END_MS = 2_000

/** The exit code of what failed, as every command has it. */
const FAILED = 1

export interface Interruption extends Disposable {
  /** Aborts when the user asks to stop. */
  readonly signal: AbortSignal
  /** What the process has to end with then: 130 for Ctrl-C. */
  readonly exitCode: number
  /** Whether that is how a service is ended: by Ctrl-C or SIGTERM. */
  readonly isAsked: boolean
}

/**
 * Listens for Ctrl-C and its like. The second one ends the process at once.
 *
 * @param out when its reader goes away, as `head` does, that is an interruption too. Where it cannot be written otherwise,
 * as a file on a full disk, that is told and is a failure, also when the command is done: what it had to say is lost
 */
export function listenForInterruption(out: Output, err: Pick<Output, 'write'>): Interruption {
  const controller = new AbortController()
  let exitCode = 0
  const interrupt = (code: number, reason: Error) => {
    if (controller.signal.aborted) {
      // The terminal has shown ^C, and the prompt is to begin a line.
      if (out.isTTY) out.write('\n')
      process.exit(exitCode)
    }
    exitCode = code
    setTimeout(() => process.exit(exitCode), LONGEST_END_MS).unref()
    controller.abort(reason)
  }
  const onSignal = (name: NodeJS.Signals) =>
    interrupt(128 + constants.signals[name], new Error(`Stopped by ${name}.`))
  let isLost = false
  // Every further write fails in the same way: it is no second request to stop.
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !isLost) {
      isLost = true
      err.write(`atproto-collection-backfill: The output cannot be written: ${printable(describe(error))}.\n`)
      process.exitCode = FAILED
    }
    if (controller.signal.aborted) return
    interrupt(isLost ? FAILED : 128 + constants.signals.SIGPIPE, error)
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  out.on('error', onError)
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode
    },
    get isAsked() {
      return exitCode === 128 + constants.signals.SIGINT || exitCode === 128 + constants.signals.SIGTERM
    },
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, onSignal)
    },
  }
}

import { constants } from 'node:os'
import type { Output } from './output/screen.ts'

/** The signals that ask a program to end. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How long an end may take that was asked for, in milliseconds: a database that hangs must not hold anybody up. */
const LONGEST_END_MS = 2_000

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
 * @param out when its reader goes away, as `head` does, that is an interruption too
 */
export function listenForInterruption(out: Output): Interruption {
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
  // Every further write fails in the same way: it is no second request to stop.
  const onError = (error: Error) => {
    if (!controller.signal.aborted) interrupt(128 + constants.signals.SIGPIPE, error)
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

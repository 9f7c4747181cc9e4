import { inspect } from 'node:util'
import { CommanderError } from 'commander'
import { isBackfillError } from '../errors.ts'
import { describe } from '../util/describe.ts'
import { printable } from '../util/text.ts'
import { type Context, EXIT } from './context.ts'
import { createProgram } from './program.ts'
import type { Action } from './register-command.ts'
import { UsageError } from './usage-error.ts'

/** What the command line works with besides its arguments. */
export type CommandLineContext = Omit<Context, 'debug'>

/** Does what the arguments ask for. @returns the exit code */
export async function runCommandLine(args: readonly string[], context: CommandLineContext): Promise<number> {
  const choice = choiceOf(args, context)
  if (typeof choice === 'number') return choice
  const { action, debug } = choice
  try {
    return await action({ ...context, debug })
  } catch (error) {
    // An abort is what the user asked for, and no failure.
    const { signal, exitCode } = context.interruption
    return signal.aborted ? exitCode : tell(error, context, debug)
  }
}

interface Choice {
  readonly action: Action
  readonly debug: boolean
}

/** What the arguments ask for; an exit code when that is said already: help, or what is wrong with them. */
function choiceOf(args: readonly string[], context: CommandLineContext): Choice | number {
  const { out, err } = context
  let choice: Choice | undefined
  const program = createProgram((action, debug) => {
    choice = { action, debug }
  })
  const errorsOurWay = (text: string) => text.replace(/^error: /, 'atproto-collection-backfill: ')
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      outputError: (text, write) => write(errorsOurWay(text)),
    })
  }
  try {
    program.parse(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.complete : EXIT.usage
    return tell(error, context)
  }
  return choice ?? EXIT.usage
}

/** One line that says what is wrong and what to do. @returns the exit code */
export function tell(error: unknown, { err }: Pick<CommandLineContext, 'err'>, debug = false): number {
  const text = debug ? inspect(error) : printable(describe(error))
  err.write(`atproto-collection-backfill: ${text}\n`)
  const isUsage = error instanceof UsageError || isBackfillError(error, 'INVALID_OPTION')
  return isUsage ? EXIT.usage : EXIT.incomplete
}

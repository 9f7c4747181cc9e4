import { CommanderError } from 'commander'
import { type Context, EXIT } from './context.ts'
import { createProgram } from './program.ts'
import type { Action } from './register-command.ts'
import { tell } from './tell-error.ts'

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

#!/usr/bin/env node
import { inspect } from 'node:util'
import { CommanderError } from 'commander'
import { describe, hasCode } from '../errors.ts'
import { EXIT } from './context.ts'
import { listenForInterruption } from './interruption.ts'
import { nodeComplaint } from './node-version.ts'
import { printable } from './output/terminal-text.ts'
import { type Action, createProgram } from './program.ts'
import { UsageError } from './usage-error.ts'

interface Choice {
  readonly action: Action
  readonly debug: boolean
}

/** What the arguments ask for; an exit code when that is said already: help, or what is wrong with them. */
function choiceOf(args: readonly string[]): Choice | number {
  let choice: Choice | undefined
  const program = createProgram((action, debug) => {
    choice = { action, debug }
  })
  const errorsOurWay = (text: string) => text.replace(/^error: /, 'collection-backfill: ')
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError: (text, write) => write(errorsOurWay(text)) })
  }
  try {
    program.parse(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.complete : EXIT.usage
    return tell(error, false)
  }
  return choice ?? EXIT.usage
}

/** One line that says what is wrong and what to do. @returns the exit code */
function tell(error: unknown, debug: boolean): number {
  const text = debug ? inspect(error) : printable(describe(error))
  process.stderr.write(`collection-backfill: ${text}\n`)
  const isUsage = error instanceof UsageError || hasCode(error, 'INVALID_OPTION')
  return isUsage ? EXIT.usage : EXIT.incomplete
}

async function perform({ action, debug }: Choice): Promise<number> {
  using interruption = listenForInterruption(process.stdout)
  const { stdout: out, stderr: err, env } = process
  try {
    return await action({ out, err, env, interruption, debug })
  } catch (error) {
    // An abort is what the user asked for, and no failure.
    if (interruption.signal.aborted) return interruption.exitCode
    return tell(error, debug)
  }
}

async function main(): Promise<number> {
  const complaint = nodeComplaint(process.versions.node)
  if (complaint !== undefined) return tell(new UsageError(complaint), false)
  const choice = choiceOf(process.argv.slice(2))
  return typeof choice === 'number' ? choice : await perform(choice)
}

// Whoever reads only the output and hears nothing of errors loses those, and not the work.
process.stderr.on('error', () => {})
process.exitCode = await main()

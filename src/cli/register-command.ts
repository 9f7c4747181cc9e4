import type { Command } from 'commander'
import type { Context } from './context.ts'

/** What a command does, once its options are read. @returns the exit code */
export type Action = (context: Context) => Promise<number>

/** Takes what was chosen on the command line. */
export type Choose = (command: Command, action: Action) => void

/**
 * Adds a command with its options, its help and its action. All commands are registered at each start, so a file that
 * does this loads nothing else: the action imports the code of its command when it is chosen.
 */
export type RegisterCommand = (program: Command, choose: Choose) => void

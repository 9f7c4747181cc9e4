import { Command } from 'commander'
import { VERSION } from '../util/version.ts'
import { flag } from './command-options.ts'
import { registerCancel } from './commands/cancel-command.ts'
import { registerCompact } from './commands/compact-command.ts'
import { registerCompare } from './commands/compare-command.ts'
import { registerCount } from './commands/count-command.ts'
import { registerCrawl } from './commands/crawl-command.ts'
import { registerDiscover } from './commands/discover-command.ts'
import { registerDoctor } from './commands/doctor-command.ts'
import { registerExport } from './commands/export-command.ts'
import { registerImport } from './commands/import-command.ts'
import { registerIndex } from './commands/index-command.ts'
import { registerMigrate } from './commands/migrate-command.ts'
import { registerPrune } from './commands/prune-command.ts'
import { registerReset } from './commands/reset-command.ts'
import { registerRetry } from './commands/retry-command.ts'
import { registerRun } from './commands/run-command.ts'
import { registerServe } from './commands/serve-command.ts'
import { registerStatus } from './commands/status-command.ts'
import { registerVerify } from './commands/verify-command.ts'
import { EXIT_CODES, helpText } from './help.ts'
import type { Action, RegisterCommand } from './register-command.ts'

/** In the order of the help. */
const COMMANDS: readonly RegisterCommand[] = [
  registerRun,
  registerServe,
  registerStatus,
  registerCrawl,
  registerIndex,
  registerDiscover,
  registerRetry,
  registerReset,
  registerCancel,
  registerVerify,
  registerCompare,
  registerCount,
  registerPrune,
  registerExport,
  registerImport,
  registerCompact,
  registerMigrate,
  registerDoctor,
]

const HELP = helpText(`
Examples:
  atproto-collection-backfill run --relay relay1.us-east.bsky.network
  atproto-collection-backfill status --watch
  atproto-collection-backfill serve --relay relay1.us-east.bsky.network

${EXIT_CODES}
NO_COLOR and FORCE_COLOR switch colors off and on.`)

/** The command line. What is asked for is handed to `choose`. */
export function createProgram(choose: (action: Action, debug: boolean) => void): Command {
  const program = new Command('atproto-collection-backfill')
    .description(
      'Builds an index of which atproto repositories have records in which collection, keeps it up to date, and serves it.',
    )
    .version(VERSION)
    .helpCommand(false)
    .showHelpAfterError('Add --help to see how it is used.')
    .addHelpText('after', HELP)
  for (const register of COMMANDS) {
    register(program, (command, action) => choose(action, command.opts<{ debug?: boolean }>().debug === true))
  }
  for (const command of program.commands) {
    command.addOption(flag('--debug', 'print stack traces', 'BACKFILL_DEBUG'))
  }
  return program
}

import { Command } from 'commander'
import { VERSION } from '../util/version.ts'
import {
  addCollections,
  addDatabase,
  addPace,
  addRelay,
  addRequests,
  addSources,
  databaseOf,
  flag,
  option,
  type RelayOptions,
} from './command-options.ts'
import { type DiscoverOptions, discoverCollections } from './commands/discover.ts'
import { dryRun } from './commands/dry-run.ts'
import { migrate } from './commands/migrate.ts'
import { reset, retry } from './commands/retry-and-reset.ts'
import { type RunOptions, run } from './commands/run.ts'
import { type StatusOptions, status } from './commands/status.ts'
import { type VerifyOptions, verifyIndex } from './commands/verify.ts'
import type { Context } from './context.ts'
import type { Database } from './database.ts'
import {
  DISCOVER_HELP,
  HELP,
  MIGRATE_HELP,
  RESET_HELP,
  RETRY_HELP,
  RUN_HELP,
  STATUS_HELP,
  VERIFY_HELP,
} from './help.ts'
import { nsids, repairMode, STATES, states, wholeNumberFrom } from './option-values.ts'

const RELAY_EXAMPLE = 'a host such as relay1.us-east.bsky.network, or a URL; several may be given'
const ONE_RELAY = 'which relay, if the database has the progress of several'

/** What a command does, once its options are read. @returns the exit code */
export type Action = (context: Context) => Promise<number>

/** The command line. What is asked for is handed to `choose`. */
export function createProgram(choose: (action: Action, debug: boolean) => void): Command {
  const program = new Command('atproto-collection-backfill')
    .description(
      'Builds an index of which atproto repositories have records in which collection, by reading it from a relay.',
    )
    .version(VERSION)
    .helpCommand(false)
    .showHelpAfterError('Add --help to see how it is used.')
    .addHelpText('after', HELP)
  const act: Act = (command, action) =>
    choose(action(databaseOf(command)), command.opts<{ debug?: boolean }>().debug === true)

  addRun(program, act)
  addStatus(program, act)
  addDiscover(program, act)
  addRetryAndReset(program, act)
  addVerify(program, act)
  addMigrate(program, act)
  for (const command of program.commands) {
    command.addOption(flag('--debug', 'print stack traces', 'BACKFILL_DEBUG'))
  }
  return program
}

/** Hands on what a command does, once the database that it is for is known too. */
type Act = (command: Command, action: (database: Database) => Action) => void

function addRun(program: Command, act: Act): void {
  const command = program.command('run').description('Backfill, and show the progress.')
  addRelay(command, RELAY_EXAMPLE)
  addDatabase(command)
  addSources(command)
  addPace(command)
  addRequests(command)
  command
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addOption(
      flag(
        '--dry-run',
        'say what the run would read, how long and how much; writes nothing',
        'BACKFILL_DRY_RUN',
      ),
    )
    .addHelpText('after', RUN_HELP)
    .action((options: RunOptions, command: Command) => {
      const does = options.dryRun ? dryRun : run
      return act(command, (database) => (context) => does(options, database, context))
    })
}

function addStatus(program: Command, act: Act): void {
  const command = program.command('status').description('Show the progress of all runs.')
  addRelay(command, 'only this relay')
  addDatabase(command)
  command
    .addOption(option('--state <state...>', `only these: ${STATES.join(', ')}`, 'BACKFILL_STATE', states))
    .addHelpText('after', STATUS_HELP)
    .option('--all', 'list every collection')
    .option('--watch', 'look again every two seconds, until Ctrl-C')
    .addOption(flag('--json', 'one JSON object a line for each relay', 'BACKFILL_JSON'))
    .action((options: StatusOptions, command: Command) =>
      act(command, (database) => (context) => status(options, database, context)),
    )
}

function addDiscover(program: Command, act: Act): void {
  const command = program
    .command('discover')
    .description('List the collections that the sources know, with estimated sizes.')
  addRelay(command, `for sources that ask it: ${RELAY_EXAMPLE}`)
  addDatabase(command)
  addSources(command)
  command
    .addHelpText('after', DISCOVER_HELP)
    .addOption(flag('--json', 'one JSON object', 'BACKFILL_JSON'))
    .action((options: DiscoverOptions, command: Command) =>
      act(command, (database) => (context) => discoverCollections(options, database, context)),
    )
}

function addRetryAndReset(program: Command, act: Act): void {
  const retrying = program
    .command('retry')
    .description('Retry failed collections.')
    .argument('[nsid...]', 'only these', nsids)
    .addHelpText('after', RETRY_HELP)
  addDatabase(addRelay(retrying, ONE_RELAY)).action(
    (names: readonly string[], options: RelayOptions, command: Command) =>
      act(command, (database) => (context) => retry(names, options, database, context)),
  )
  const resetting = program
    .command('reset')
    .description('Begin collections again at the first page.')
    .argument('<nsid...>', 'the collections', nsids)
    .addHelpText('after', RESET_HELP)
  addDatabase(addRelay(resetting, ONE_RELAY)).action(
    (names: readonly string[], options: RelayOptions, command: Command) =>
      act(command, (database) => (context) => reset(names, options, database, context)),
  )
}

function addVerify(program: Command, act: Act): void {
  const command = program
    .command('verify')
    .description('Compare the index with what the relay lists now, and mend it if told to.')
  addRelay(command, RELAY_EXAMPLE)
  addDatabase(command)
  addCollections(command, 'these collections; without it, those that runs of this relay have completed')
  addRequests(command)
  command
    .addOption(
      option(
        '--samples <n>',
        'DIDs to show of each kind of difference (3)',
        'BACKFILL_SAMPLES',
        wholeNumberFrom(0, 1_000),
      ),
    )
    .addOption(
      option(
        '--repair [what]',
        'add what is missing and remove what is surplus, or one of them; asks before it removes',
        'BACKFILL_REPAIR',
        repairMode,
      ),
    )
    .addOption(flag('--yes', 'remove without a question', 'BACKFILL_YES'))
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', VERIFY_HELP)
    .action((options: VerifyOptions, command: Command) =>
      act(command, (database) => (context) => verifyIndex(options, database, context)),
    )
}

function addMigrate(program: Command, act: Act): void {
  const command = program.command('migrate').description('Create the tables, or bring them up to date.')
  addDatabase(command)
    .addHelpText('after', MIGRATE_HELP)
    .action((_, command: Command) => act(command, (database) => (context) => migrate(database, context)))
}

import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { type DiscoverOptions, discoverCollections } from './commands/discover.ts'
import { migrate } from './commands/migrate.ts'
import { reset, retry } from './commands/rearm.ts'
import { type RunOptions, run } from './commands/run.ts'
import { type StatusOptions, status } from './commands/status.ts'
import { type VerifyOptions, verifyIndex } from './commands/verify.ts'
import type { Context } from './context.ts'
import {
  addCollections,
  addDatabase,
  addPace,
  addRelay,
  addRequests,
  addSources,
  databaseOf,
  option,
  type RelayOptions,
} from './options.ts'
import { nsids, states, wholeNumberFrom } from './values.ts'

const RELAY_EXAMPLE = 'a host such as relay1.us-east.bsky.network, or a URL; several may be given'
const ONE_RELAY = 'the relay whose progress is meant, where the database has that of several'

/** What a command does, once its options are read. @returns the exit code */
export type Action = (context: Context) => Promise<number>

/** The command line. What is asked for is handed to `choose`. */
export function createProgram(choose: (action: Action, debug: boolean) => void): Command {
  const program = new Command('collection-backfill')
    .description(
      'Fills an atproto collection index from a relay that already knows, and goes on where it stopped.',
    )
    .version(VERSION)
    .helpCommand(false)
    .showHelpAfterError('Add --help to see how it is used.')
    .addHelpText('after', EXAMPLES)
  const act = (command: Command, action: (database: ReturnType<typeof databaseOf>) => Action) =>
    choose(action(databaseOf(command)), command.opts<{ debug?: boolean }>().debug === true)

  addRun(program, act)
  addStatus(program, act)
  addDiscover(program, act)
  addRearm(program, act)
  addVerify(program, act)
  addDatabase(program.command('migrate').description('Make the tables, or bring them up to date.')).action(
    (_, command: Command) => act(command, (database) => (context) => migrate(database, context)),
  )
  for (const command of program.commands) command.option('--debug', 'tell errors with their stack')
  return program
}

type Act = (command: Command, action: (database: ReturnType<typeof databaseOf>) => Action) => void

function addRun(program: Command, act: Act): void {
  const command = program.command('run').description('Backfill, and show how it goes.')
  addRelay(command, RELAY_EXAMPLE)
  addDatabase(command)
  addSources(command)
  addPace(command)
  addRequests(command)
  command
    .option('--json', 'one JSON object a line for everything that happens')
    .addHelpText('after', RUN_EXAMPLES)
    .action((options: RunOptions, command: Command) =>
      act(command, (database) => (context) => run(options, database, context)),
    )
}

function addStatus(program: Command, act: Act): void {
  const command = program.command('status').description('Tell how far the work is, over all runs.')
  addRelay(command, 'that relay only')
  addDatabase(command)
  command
    .addOption(
      option(
        '--state <state...>',
        'those only: failed, walking, pending, complete',
        'BACKFILL_STATE',
        states,
      ),
    )
    .option('--all', 'every collection, however many')
    .option('--watch', 'look again every two seconds, until Ctrl-C')
    .option('--json', 'one JSON object a line for each relay')
    .action((options: StatusOptions, command: Command) =>
      act(command, (database) => (context) => status(options, database, context)),
    )
}

function addDiscover(program: Command, act: Act): void {
  const command = program
    .command('discover')
    .description('Tell which collections the sources know, with estimates.')
  addRelay(command, `for sources that ask it: ${RELAY_EXAMPLE}`)
  addDatabase(command)
  addSources(command)
  command
    .option('--json', 'one JSON object')
    .action((options: DiscoverOptions, command: Command) =>
      act(command, (database) => (context) => discoverCollections(options, database, context)),
    )
}

function addRearm(program: Command, act: Act): void {
  const retrying = program
    .command('retry')
    .description('Have collections tried again that were given up.')
    .argument('[nsid...]', 'these only', nsids)
  addDatabase(addRelay(retrying, ONE_RELAY)).action(
    (names: readonly string[], options: RelayOptions, command: Command) =>
      act(command, (database) => (context) => retry(names, options, database, context)),
  )
  const resetting = program
    .command('reset')
    .description('Have collections begin again at the first page.')
    .argument('<nsid...>', 'the collections', nsids)
  addDatabase(addRelay(resetting, ONE_RELAY)).action(
    (names: readonly string[], options: RelayOptions, command: Command) =>
      act(command, (database) => (context) => reset(names, options, database, context)),
  )
}

function addVerify(program: Command, act: Act): void {
  const command = program.command('verify').description('Compare the index with what the relay lists now.')
  addRelay(command, RELAY_EXAMPLE)
  addDatabase(command)
  addCollections(command, 'these collections; without it, those that runs over this relay have completed')
  addRequests(command)
  command
    .addOption(
      option(
        '--samples <n>',
        'DIDs that are shown of each kind of difference (3)',
        'BACKFILL_SAMPLES',
        wholeNumberFrom(0, 1_000),
      ),
    )
    .option('--json', 'one JSON object a line for everything that happens')
    .addHelpText('after', VERIFY_EXAMPLES)
    .action((options: VerifyOptions, command: Command) =>
      act(command, (database) => (context) => verifyIndex(options, database, context)),
    )
}

const EXAMPLES = `
Examples:
  collection-backfill run --relay relay1.us-east.bsky.network
  collection-backfill status --watch
  collection-backfill retry

Exit codes: 0 complete, 1 incomplete or failed, 2 wrong usage, 130 interrupted by Ctrl-C.
Colors: as NO_COLOR and FORCE_COLOR say.`

const VERIFY_EXAMPLES = `
Examples:
  collection-backfill verify --relay relay1.us-east.bsky.network
  collection-backfill verify --relay relay.example --collection app.bsky.feed.post --samples 100 --json

Missing is what the relay lists and the index lacks; surplus, what the index holds beside it. The lists are no snapshots:
what changes while they are read may show as a difference.
Exit codes: 0 equal, 1 different or incomplete, 2 wrong usage, 130 interrupted by Ctrl-C.`

const RUN_EXAMPLES = `
Examples:
  collection-backfill run --relay relay1.us-east.bsky.network
      into ./collection-backfill-data, from the collections that lexicon.garden lists
  collection-backfill run --relay relay.example --database postgres://localhost/relay --concurrency 8
  collection-backfill run --relay relay.example --collection app.bsky.feed.post,com.whtwnd.blog.entry
  RELAY=relay.example DATABASE_URL=postgres://localhost/relay collection-backfill run --refresh 7d --json

Ctrl-C stops within a second, and the same command goes on from there; twice, it stops at once.
A run also finishes what earlier ones have begun for the same relay.
Exit codes: 0 complete, 1 incomplete or failed, 2 wrong usage, 130 interrupted by Ctrl-C.`

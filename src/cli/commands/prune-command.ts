import { addDatabase, databaseOf, flag, option } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import { oneOf, positiveNumber, relays, shareOf, wholeNumberFrom } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { PruneCommandOptions } from './prune-index.ts'

const HELP = helpText(`
The relay's list of accounts is read, a thousand accounts a request, and the index is counted against it: then there is a report, and only then is anything removed. An account that the list does not name is looked up first. What the relay says to be deleted or taken down is removed, and all else is kept: a list that lacks accounts removes nothing.

Where more than --max-percent of all pairs may be removed, it asks. Without a terminal it needs --yes.
Interrupted, the same command goes on with the accounts that are to be looked up. It reads the list again, which is too old by then to remove by.

Examples:
  atproto-collection-backfill prune --relay relay1.us-east.bsky.network --dry-run
  atproto-collection-backfill prune --relay relay.example --database postgres://localhost/relay
  atproto-collection-backfill prune --relay relay.example --deactivated remove --yes --json

Exit codes: 0 pruned, 1 declined or failed, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerPrune: RegisterCommand = (program, choose) => {
  const adding = program.command('prune').description('Remove the pairs of accounts that are gone.')
  adding.addOption(
    option('--relay <host>', 'the relay that knows the accounts: a host, or a URL', 'RELAY', relays),
  )
  addDatabase(adding)
  const fate = oneOf('keep', 'mark', 'remove')
  adding
    .addOption(
      option(
        '--deactivated <fate>',
        'keep the pairs of deactivated accounts, mark these accounts, or remove their pairs (keep)',
        'BACKFILL_DEACTIVATED',
        fate,
      ),
    )
    .addOption(
      option('--suspended <fate>', 'the same for suspended accounts (keep)', 'BACKFILL_SUSPENDED', fate),
    )
    .addOption(
      option(
        '--unlisted <what>',
        'look-up asks the relay for each account that its list does not name; keep does not (look-up)',
        'BACKFILL_UNLISTED',
        oneOf('look-up', 'keep'),
      ),
    )
    .addOption(
      option(
        '--not-found <fate>',
        'keep or remove those that the relay does not know then; it may never have seen them (keep)',
        'BACKFILL_NOT_FOUND',
        oneOf('keep', 'remove'),
      ),
    )
    .addOption(
      option(
        '--max-percent <n>',
        'most of the index that may be removed without a question, in percent (5)',
        'BACKFILL_MAX_PERCENT',
        shareOf,
      ),
    )
    .addOption(
      option(
        '--requests-per-second <n>',
        'most requests a second (10)',
        'BACKFILL_REQUESTS_PER_SECOND',
        positiveNumber,
      ),
    )
    .addOption(
      option('--retries <n>', 'retries of a request (9)', 'BACKFILL_RETRIES', wholeNumberFrom(0, 1_000)),
    )
    .addOption(flag('--dry-run', 'report, and remove nothing', 'BACKFILL_DRY_RUN'))
    .addOption(flag('--yes', 'remove without a question', 'BACKFILL_YES'))
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((options: PruneCommandOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { pruneIndex } = await import('./prune-index.ts')
        return pruneIndex(options, database, context)
      })
    })
}

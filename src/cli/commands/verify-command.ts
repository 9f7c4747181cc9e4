import {
  addCollections,
  addDatabase,
  addFilter,
  addRelay,
  addRequests,
  addSamples,
  databaseOf,
  flag,
  option,
  RELAY_EXAMPLE,
} from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import { repairMode } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { VerifyOptions } from './verify.ts'

const HELP = helpText(`
Missing: the relay lists it and the index lacks it. Surplus: the index holds it and the relay does not list it.
What changes while the lists are read may show as a difference. Several relays: what they list together is compared.

--repair adds what is missing and removes what is surplus; --repair add and --repair remove do one of them. Before it removes, it compares everything, says how many pairs it would remove, and asks. Without a terminal it needs --yes. Name every relay that the index was filled from: what only another relay lists is surplus.

Examples:
  atproto-collection-backfill verify --relay relay1.us-east.bsky.network
  atproto-collection-backfill verify --relay relay.example --collection app.bsky.feed.post --samples 100 --json
  atproto-collection-backfill verify --relay relay.example --repair
  atproto-collection-backfill verify --relay relay.example --repair remove --yes

Exit codes: 0 equal or repaired, 1 different or incomplete, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerVerify: RegisterCommand = (program, choose) => {
  const adding = program
    .command('verify')
    .description('Compare the index with what the relay lists now, and mend it if told to.')
  addRelay(adding, RELAY_EXAMPLE)
  addDatabase(adding)
  addCollections(adding, 'these collections; without it, those that runs of this relay have completed')
  addFilter(adding)
  addRequests(adding)
  addSamples(adding, 'DIDs to show of each kind of difference')
  adding
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
    .addHelpText('after', HELP)
    .action((options: VerifyOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { verifyIndex } = await import('./verify.ts')
        return verifyIndex(options, database, context)
      })
    })
}

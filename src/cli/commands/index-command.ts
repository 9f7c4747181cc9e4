import { addDatabase, addHostRequests, addResolving, databaseOf, flag, option } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import { goneStates, positiveNumber } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { IndexOptions } from './index-given.ts'

const HELP = helpText(`
For each repo its host is found by the document of its DID, at plc.directory or at the name of a did:web, and asked for the repo's collections (com.atproto.repo.describeRepo). Each host is asked 8 times a second at most, those of *.host.bsky.network 10 times together.

A file may hold anything: every DID in it is taken. So what verify and compare print, as text or with --json, and what export wrote will do. A file that was interrupted goes on where it was when the same command is run again.

Without --remove and --remove-gone nothing is removed.

Examples:
  atproto-collection-backfill index did:plc:z72i7hdynmk6r22z27h6tvur
  atproto-collection-backfill index --file dids.txt --failed failed.txt
  atproto-collection-backfill verify --relay relay.example --samples 1000 --json > differences.json
  atproto-collection-backfill index --file differences.json --remove --remove-gone

Exit codes: 0 every repo was looked at, 1 some could not be, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerIndex: RegisterCommand = (program, choose) => {
  const adding = program
    .command('index')
    .description('Ask the hosts of given repos for their collections, and add them.')
    .argument('[did...]', 'the repos')
    .addOption(option('--file <file>', 'a text with DIDs; - is the standard input', 'BACKFILL_INDEX_FILE'))
  addDatabase(adding)
  addResolving(adding)
  adding
    .addOption(flag('--remove', 'remove repos from collections that they have no more', 'BACKFILL_REMOVE'))
    .addOption(
      option(
        '--remove-gone [states]',
        'remove repos that are gone: deleted, notFound and takendown; or of these states, also deactivated and suspended',
        'BACKFILL_REMOVE_GONE',
        goneStates,
      ),
    )
    .addOption(
      option('--failed <file>', 'write the DIDs that could not be looked at to this file', 'BACKFILL_FAILED'),
    )
    .addOption(
      option(
        '--plc-requests-per-second <n>',
        'most requests a second to it (10)',
        'BACKFILL_PLC_REQUESTS_PER_SECOND',
        positiveNumber,
      ),
    )
  addHostRequests(adding, 'repos under way at once')
  adding
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((dids: string[], options: IndexOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { indexGiven } = await import('./index-given.ts')
        return indexGiven(dids, options, database, context)
      })
    })
}

import { addDatabase, databaseOf, flag } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'

const HELP = helpText(`
An index that was imported page by page is left with room between its entries. In Postgres, its key is built anew beside the old one, while others read and write: a minute or more for ten million pairs. It takes some 60 bytes a pair of room on the disk meanwhile, and the user must own the tables. In a file of SQLite, the pairs that wait to be merged are merged.

The same as run --compact, which does it when the import is complete.

Examples:
  atproto-collection-backfill compact --database postgres://localhost/relay
  atproto-collection-backfill compact --data relay.sqlite

Exit codes: 0 done, 1 failed, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerCompact: RegisterCommand = (program, choose) => {
  const adding = program.command('compact').description('Make the index smaller, after an import.')
  addDatabase(adding)
  adding
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((options: { readonly json?: boolean }, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { compactIndex } = await import('./compact-index.ts')
        return compactIndex(options, database, context)
      })
    })
}

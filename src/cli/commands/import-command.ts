import { addDatabase, addFilter, databaseOf, flag } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { ImportOptions } from './import.ts'

const HELP = helpText(`
Takes what export writes, CSV or NDJSON, packed by gzip or not; what collectiondir's export and crawl give; and the rows of a query. A header may name the columns did and collection among others. Lines that are no pair are counted and told.

An import that was interrupted goes on where it was when the same command is run again. From the standard input it begins again: adding a pair again changes nothing. No collection is complete by it, since a list does not say what a relay lists now: run reads all of them.

Examples:
  atproto-collection-backfill import pairs.csv.gz
  collectiondir export --pebble ./pebble | atproto-collection-backfill import -
  atproto-collection-backfill import pairs.ndjson --only 'app.bsky.*' --except app.bsky.feed.like

Exit codes: 0 complete, 1 broken off or nothing to import, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerImport: RegisterCommand = (program, choose) => {
  const adding = program
    .command('import')
    .description('Add the pairs of files to the index.')
    .argument('<file...>', 'CSV or NDJSON; - is the standard input')
  addDatabase(adding)
  addFilter(adding)
  adding
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((files: readonly string[], options: ImportOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { importFiles } = await import('./import.ts')
        return importFiles(files, options, database, context)
      })
    })
}

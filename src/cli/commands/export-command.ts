import { addDatabase, addFilter, databaseOf, flag, option } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import { pairFormat } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { ExportOptions } from './export.ts'

const HELP = helpText(`
One pair a line, by collection and DID. A file that ends with .ndjson or .jsonl is NDJSON, every other one CSV; one that ends with .gz is packed. The file has its name once it is whole.

A CSV has no header, as collectiondir's build wants it. An export that was interrupted goes on where it was when the same command is run again, but for .gz and -. It is no snapshot.

Examples:
  atproto-collection-backfill export pairs.csv
  atproto-collection-backfill export pairs.csv.gz --database postgres://localhost/relay --only 'app.bsky.*'
  atproto-collection-backfill export - --format ndjson | head

Exit codes: 0 complete, 1 failed, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerExport: RegisterCommand = (program, choose) => {
  const adding = program
    .command('export')
    .description('Write the index to a file: a DID and a collection on each line.')
    .argument('<file>', 'where to; - is the standard output')
  addDatabase(adding)
  addFilter(adding)
  adding
    .addOption(option('--format <format>', 'csv or ndjson (by the name)', 'BACKFILL_FORMAT', pairFormat))
    .addOption(flag('--header', 'begin a CSV with the line did,collection', 'BACKFILL_HEADER'))
    .addOption(flag('--json', 'one line of JSON at the end', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((file: string, options: ExportOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { exportIndex } = await import('./export.ts')
        return exportIndex(file, options, database, context)
      })
    })
}

import {
  addDatabase,
  addFilter,
  addRelay,
  addSources,
  databaseOf,
  flag,
  RELAY_EXAMPLE,
} from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'
import { sourcesHelp } from '../source-options.ts'
import type { DiscoverOptions } from './discover.ts'

const HELP = helpText(`
${sourcesHelp()}

Examples:
  atproto-collection-backfill discover
  atproto-collection-backfill discover --relay relay.example --source directory ufos --json

Exit codes: 0 every source answered, 1 a source did not, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerDiscover: RegisterCommand = (program, choose) => {
  const adding = program
    .command('discover')
    .description('List the collections that the sources know, with estimated sizes.')
  addRelay(adding, `for sources that ask it: ${RELAY_EXAMPLE}`)
  addDatabase(adding)
  addSources(adding, 'only these collections')
  addFilter(adding)
  adding
    .addHelpText('after', HELP)
    .addOption(flag('--json', 'one JSON object', 'BACKFILL_JSON'))
    .action((options: DiscoverOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { discoverCollections } = await import('./discover.ts')
        return discoverCollections(options, database, context)
      })
    })
}

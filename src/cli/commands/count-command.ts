import { addFilter, addRelay, addRequests, addSource, flag, RELAY_EXAMPLE } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import { namesOrPatterns } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import { SOURCES_WITHOUT_INDEX, sourcesHelp } from '../source-options.ts'
import type { CountOptions } from './count.ts'

const HELP = helpText(`
Reads the lists of these collections to their end and stores nothing. Of several relays it says how far the smallest is from the largest. Without a name, it asks each relay's own directory for its total.

${sourcesHelp(SOURCES_WITHOUT_INDEX)}

Examples:
  atproto-collection-backfill count com.whtwnd.blog.entry --relay relay1.us-east.bsky.network
  atproto-collection-backfill count 'com.whtwnd.*' --relay relay.example --relay other.example
  atproto-collection-backfill count --relay relay1.us-east.bsky.network

Exit codes: 0 everything was counted, 1 something was not, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerCount: RegisterCommand = (program, choose) => {
  const adding = program
    .command('count')
    .description('Count the repos that relays list, without storing them.')
    .argument(
      '[name...]',
      "NSIDs, and patterns such as 'app.bsky.*' of those that the sources know",
      namesOrPatterns,
    )
  addRelay(adding, RELAY_EXAMPLE)
  addSource(adding, 'where the collections of patterns come from', SOURCES_WITHOUT_INDEX)
  addFilter(adding)
  addRequests(adding)
  adding
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((names: readonly string[] | undefined, options: CountOptions, command) => {
      choose(command, async (context) => {
        const { countRepos } = await import('./count.ts')
        return countRepos(names ?? [], options, context)
      })
    })
}

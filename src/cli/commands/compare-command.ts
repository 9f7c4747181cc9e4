import {
  addFilter,
  addRelay,
  addRequests,
  addResolving,
  addSamples,
  addSources,
  flag,
  option,
  RELAY_EXAMPLE,
} from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'
import { SOURCES_WITHOUT_INDEX, sourcesHelp } from '../source-options.ts'
import type { CompareOptions } from './compare.ts'

const HELP = helpText(`
${sourcesHelp(SOURCES_WITHOUT_INDEX)}

For each collection: how many repos all relays list, and how many only one of them. A list that cannot be read to its end is told, and its collection is not compared. What changes while the lists are read may show as a difference.

--csv adds a line for each collection and relay to a file, with the time, so that it can be kept: time,collection,relay,listed,only,all,union,error.

Examples:
  atproto-collection-backfill compare --relay relay1.us-east.bsky.network --relay relay1.us-west.bsky.network --collection app.bsky.feed.post
  atproto-collection-backfill compare --relay relay.example --relay other.example --only 'com.whtwnd.*' --resolve
  atproto-collection-backfill compare --relay relay.example --relay other.example --source directory --csv relays.csv

Exit codes: 0 everything was compared, 1 something was not, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerCompare: RegisterCommand = (program, choose) => {
  const adding = program
    .command('compare')
    .description('Compare what relays list with each other; needs no index.')
  addRelay(adding, RELAY_EXAMPLE)
  addSources(adding, 'only these collections', SOURCES_WITHOUT_INDEX)
  addFilter(adding)
  addRequests(adding)
  addSamples(adding, 'DIDs to show that only one relay lists, of each')
  adding.addOption(
    flag('--resolve', 'look up handle, host and account state of these DIDs', 'BACKFILL_RESOLVE'),
  )
  addResolving(adding)
  adding
    .addOption(option('--csv <file>', 'add what was found to a file', 'BACKFILL_CSV'))
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((options: CompareOptions, command) => {
      choose(command, async (context) => {
        const { compareRelays } = await import('./compare.ts')
        return compareRelays(options, context)
      })
    })
}

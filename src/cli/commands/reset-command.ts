import { addDatabase, addRelay, databaseOf, ONE_RELAY, type RelayOptions } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import { nsids } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'

const HELP = helpText(`
Pairs stay in the index. A collection that a run reads at the moment is not reset. To read hosts again, use crawl --refresh-after.

Examples:
  atproto-collection-backfill reset app.bsky.feed.post com.whtwnd.blog.entry
  atproto-collection-backfill reset app.bsky.feed.post --relay relay.example --database postgres://localhost/relay

Exit codes: 0 done, 1 failed or not all were reset, 2 wrong usage or a name that is not registered, ${SIGNAL_CODES}.`)

export const registerReset: RegisterCommand = (program, choose) => {
  const adding = program
    .command('reset')
    .description('Begin collections again at the first page.')
    .argument('<nsid...>', 'the collections', nsids)
    .addHelpText('after', HELP)
  addDatabase(addRelay(adding, ONE_RELAY)).action(
    (names: readonly string[], options: RelayOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { reset } = await import('./retry-and-reset.ts')
        return reset(names, options, database, context)
      })
    },
  )
}

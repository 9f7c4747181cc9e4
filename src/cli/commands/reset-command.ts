import { addDatabase, addRelay, databaseOf, ONE_RELAY, type RelayOptions } from '../command-options.ts'
import { helpText } from '../help.ts'
import { nsids } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'

const HELP = helpText(`
Pairs stay in the index. A collection that a run reads at the moment is not reset, and the exit code is 1 then. To read hosts again, use crawl --refresh-after.

Examples:
  atproto-collection-backfill reset app.bsky.feed.post com.whtwnd.blog.entry
  atproto-collection-backfill reset app.bsky.feed.post --relay relay.example --database postgres://localhost/relay`)

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

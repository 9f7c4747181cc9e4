import { addDatabase, addRelay, databaseOf, ONE_RELAY, type RelayOptions } from '../command-options.ts'
import { helpText, READ_CODES } from '../help.ts'
import { nsids } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'

const HELP = helpText(`
Hosts that failed need no retry: the next crawl tries them again.

Examples:
  atproto-collection-backfill retry
  atproto-collection-backfill retry app.bsky.feed.post --database postgres://localhost/relay

${READ_CODES}`)

export const registerRetry: RegisterCommand = (program, choose) => {
  const adding = program
    .command('retry')
    .description('Retry failed collections.')
    .argument('[nsid...]', 'only these', nsids)
    .addHelpText('after', HELP)
  addDatabase(addRelay(adding, ONE_RELAY)).action(
    (names: readonly string[], options: RelayOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { retry } = await import('./retry-and-reset.ts')
        return retry(names, options, database, context)
      })
    },
  )
}

import { addDatabase, addRelay, databaseOf, ONE_RELAY, type RelayOptions } from '../command-options.ts'
import { helpText, READ_CODES } from '../help.ts'
import { nsids } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'

const HELP = helpText(`
The walk of a run under way ends with its next page, in whichever process it is; the run goes on with the others. No later run reads a cancelled collection, until it is named: retry goes on where it stopped, reset begins it again. Pairs stay in the index.

Examples:
  atproto-collection-backfill cancel app.bsky.feed.like
  atproto-collection-backfill retry app.bsky.feed.like

${READ_CODES}`)

export const registerCancel: RegisterCommand = (program, choose) => {
  const adding = program
    .command('cancel')
    .description('Have collections read no more.')
    .argument('<nsid...>', 'the collections', nsids)
    .addHelpText('after', HELP)
  addDatabase(addRelay(adding, ONE_RELAY)).action(
    (names: readonly string[], options: RelayOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { cancel } = await import('./retry-and-reset.ts')
        return cancel(names, options, database, context)
      })
    },
  )
}

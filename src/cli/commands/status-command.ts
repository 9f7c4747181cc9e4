import { addDatabase, addRelay, databaseOf, flag, option } from '../command-options.ts'
import { helpText } from '../help.ts'
import { STATES, states } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { StatusOptions } from './status.ts'

const HELP = helpText(`
Examples:
  atproto-collection-backfill status
  atproto-collection-backfill status --watch --database postgres://localhost/relay
  atproto-collection-backfill status --state failed --all`)

export const registerStatus: RegisterCommand = (program, choose) => {
  const adding = program.command('status').description('Show the progress of all runs.')
  addRelay(adding, 'only this relay')
  addDatabase(adding)
  adding
    .addOption(option('--state <state...>', `only these: ${STATES.join(', ')}`, 'BACKFILL_STATE', states))
    .addHelpText('after', HELP)
    .option('--all', 'list every collection')
    .option('--watch', 'look again every two seconds, until Ctrl-C')
    .addOption(flag('--json', 'one JSON object a line for each relay', 'BACKFILL_JSON'))
    .action((options: StatusOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { status } = await import('./status.ts')
        return status(options, database, context)
      })
    })
}

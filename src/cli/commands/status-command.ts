import { addDatabase, addRelay, databaseOf, flag, option } from '../command-options.ts'
import { helpText, READ_CODES } from '../help.ts'
import { STATES, states } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { StatusOptions } from './status.ts'

const HELP = helpText(`
For each relay its collections; then the hosts that are crawled, and in a line each what else holds work: feeds that are followed, prunes, and files whose import or index is not done.

Examples:
  atproto-collection-backfill status
  atproto-collection-backfill status --watch --database postgres://localhost/relay
  atproto-collection-backfill status --state failed --all

${READ_CODES}`)

export const registerStatus: RegisterCommand = (program, choose) => {
  const adding = program.command('status').description('Show the progress of all runs.')
  addRelay(adding, 'only this relay')
  addDatabase(adding)
  adding
    .addOption(option('--state <state...>', `only these: ${STATES.join(', ')}`, 'BACKFILL_STATE', states))
    .addHelpText('after', HELP)
    .option('--all', 'list every collection')
    .option('--watch', 'look again every two seconds, until Ctrl-C')
    .addOption(
      flag(
        '--json',
        'one JSON object a line: for each relay, the hosts, and what else holds work',
        'BACKFILL_JSON',
      ),
    )
    .action((options: StatusOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { status } = await import('./status.ts')
        return status(options, database, context)
      })
    })
}

import { addDatabase, databaseOf } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'

const HELP = helpText(`
The command run does so first. The others create nothing, and bring tables of an earlier version up to date.

Examples:
  atproto-collection-backfill migrate --database postgres://localhost/relay

Exit codes: 0 done, 1 failed, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerMigrate: RegisterCommand = (program, choose) => {
  const adding = program.command('migrate').description('Create the tables, or bring them up to date.')
  addDatabase(adding)
    .addHelpText('after', HELP)
    .action((_, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { migrate } = await import('./migrate.ts')
        return migrate(database, context)
      })
    })
}

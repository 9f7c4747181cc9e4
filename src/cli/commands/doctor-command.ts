import { addDatabase, addPlc, addRelay, databaseOf, flag, option } from '../command-options.ts'
import { helpText, SIGNAL_CODES } from '../help.ts'
import { gardenUrl, nsid, wholeNumberFrom } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { DoctorOptions } from './doctor.ts'

const HELP = helpText(`
Looks at Node, the database with its tables, its progress and the room on its disk, each relay with its directory and its clock, lexicon.garden and plc.directory. Each is asked once and nothing is written, except that tables of an earlier version are brought up to date.

Examples:
  atproto-collection-backfill doctor --relay relay1.us-east.bsky.network
  atproto-collection-backfill doctor --database postgres://localhost/relay --json

Exit codes: 0 nothing fails, 1 something does, 2 wrong usage, ${SIGNAL_CODES}.`)

export const registerDoctor: RegisterCommand = (program, choose) => {
  const adding = program.command('doctor').description('Look at all that a run needs, and say what to do.')
  addRelay(adding, 'the relays to ask; without it, those of the runs on the database')
  addDatabase(adding)
  adding
    .addOption(
      option(
        '--page-size <n>',
        'ask for a page of this size (2000)',
        'BACKFILL_PAGE_SIZE',
        wholeNumberFrom(1, 10_000),
      ),
    )
    .addOption(
      option(
        '--check-collection <nsid>',
        'a collection that the relay must have (app.bsky.actor.profile)',
        'BACKFILL_CHECK_COLLECTION',
        nsid,
      ),
    )
    .addOption(flag('--no-check', 'do not ask the relay for a page', 'BACKFILL_NO_CHECK'))
    .addOption(option('--garden <url>', "another list than lexicon.garden's", 'BACKFILL_GARDEN', gardenUrl))
  addPlc(adding)
    .addOption(flag('--json', 'one JSON object a line for each finding', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((options: DoctorOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { doctor } = await import('./doctor.ts')
        return doctor(options, database, context)
      })
    })
}

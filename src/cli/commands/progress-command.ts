import { addDatabase, addRelay, databaseOf, ONE_RELAY, type RelayOptions } from '../command-options.ts'
import { helpText } from '../help.ts'
import { nsids } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { ProgressChange } from './change-progress.ts'

interface ProgressCommand {
  readonly description: string
  /** The collections, as the help writes and explains them. */
  readonly argument: readonly [form: '<nsid...>' | '[nsid...]', meaning: string]
  readonly help: string
}

/** A command that changes the progress of one relay's collections. */
export function progressCommand(
  name: ProgressChange,
  { description, argument: [form, meaning], help }: ProgressCommand,
): RegisterCommand {
  return (program, choose) => {
    const adding = program.command(name).description(description).argument(form, meaning, nsids)
    addDatabase(addRelay(adding, ONE_RELAY))
      .addHelpText('after', helpText(help))
      .action((names: readonly string[], options: RelayOptions, command) => {
        const database = databaseOf(command)
        choose(command, async (context) => {
          const { changeProgress } = await import('./change-progress.ts')
          return changeProgress(name, names, { options, database, context })
        })
      })
  }
}

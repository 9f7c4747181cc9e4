import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { openDatabase } from '../open-database.ts'

/** Makes the tables, or brings them up to date, as the command run does too. @returns the exit code */
export async function migrate(database: Database, context: Context): Promise<number> {
  await using _ = await openDatabase(database, context)
  context.out.write(`The tables in ${nameOf(database)} are up to date.\n`)
  return EXIT.complete
}

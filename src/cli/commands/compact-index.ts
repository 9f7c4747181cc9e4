import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { openExisting } from '../open-database.ts'
import { compactText } from '../output/compact-text.ts'
import { eventWriter } from '../output/json-lines.ts'

/** Makes the index smaller. @returns the exit code */
export async function compactIndex(
  { json = false }: { readonly json?: boolean },
  database: Database,
  context: Context,
): Promise<number> {
  const { signal } = context.interruption
  const write = json ? eventWriter(context.out, context.debug) : undefined
  await using store = await openExisting(database, { signal })
  if (write === undefined) context.out.write('Compacting the index; others may read and write meanwhile.\n')
  else write('begin', { database: nameOf(database) })
  const compacted = await store.compact({ signal })
  if (write === undefined) context.out.write(`${compactText(compacted)}\n`)
  else write('end', compacted)
  return EXIT.complete
}

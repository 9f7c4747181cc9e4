import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { openExisting } from '../open-database.ts'
import { compactText } from '../output/compact-text.ts'
import { eventWriter } from '../output/json-lines.ts'

/** A server finishes a statement whose client has gone, or is stopped in the middle of it. */
const STOPPED =
  'Stopped. The database may go on with what it has begun; what it leaves unfinished, the next compact drops.\n'

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
  const compacted = await store.compact({ signal }).catch((error: unknown) => {
    if (signal.aborted && write === undefined) context.out.write(STOPPED)
    throw error
  })
  if (write === undefined) context.out.write(`${compactText(compacted)}\n`)
  else write('end', compacted)
  return EXIT.complete
}

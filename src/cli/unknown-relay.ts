import { UsageError } from './usage-error.ts'

/** A relay was named that no run on this database has read. @param known those that runs have read */
export function unknownRelay(relay: string, known: readonly string[]): UsageError {
  const others = known.length === 0 ? 'Nothing is registered there yet.' : `Known: ${known.join(', ')}.`
  return new UsageError(`The database has no progress of ${relay}. ${others}`)
}

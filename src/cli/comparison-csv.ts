import { appendFile, open, readFile } from 'node:fs/promises'
import { describe } from '../util/describe.ts'
import { oneLine } from '../util/text.ts'
import type { RelayComparison } from '../verify/compare-relays.ts'
import { UsageError } from './usage-error.ts'

/** A line for each collection and relay, so that any number of relays has the same columns. */
const HEADER = 'time,collection,relay,listed,only,all,union,error'
const LONGEST_ERROR = 300

/** A file that keeps comparisons over time. */
export interface ComparisonCsv {
  /** Adds the lines of one collection, by one write. */
  add(comparison: RelayComparison): Promise<void>
}

/**
 * Opens the file to be added to, with its header where it is new. All lines of one opening have the same time.
 *
 * @throws UsageError for a file that is something else
 */
export async function openComparisonCsv(
  file: string,
  relays: readonly string[],
  now: Date = new Date(),
): Promise<ComparisonCsv> {
  await begin(file)
  const time = now.toISOString()
  return {
    async add({ collection, compared, failed }) {
      const rows = relays.map((relay) => {
        const side = compared?.relays.find((each) => each.relay === relay)
        const error = failed?.relay === relay ? quoted(oneLine(describe(failed.error), LONGEST_ERROR)) : ''
        const figures = [side?.listed, side?.only, compared?.all, compared?.union].map((value) => value ?? '')
        return [time, collection, relay, ...figures, error].join(',')
      })
      await appendFile(file, `${rows.join('\n')}\n`)
    },
  }
}

async function begin(file: string): Promise<void> {
  const isNew = await open(file, 'ax').then(
    async (made) => {
      await made.close()
      return true
    },
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      return false
    },
  )
  const text = isNew ? '' : await readFile(file, 'utf8')
  if (text === '') return await appendFile(file, `${HEADER}\n`)
  if (text.split('\n', 1)[0]?.trimEnd() !== HEADER)
    throw new UsageError(
      `--csv adds to a file that begins with ${HEADER}; ${file} does not. Name another one.`,
    )
  // A line that was cut short stays for itself.
  if (!text.endsWith('\n')) await appendFile(file, '\n')
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

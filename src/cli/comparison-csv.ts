import { appendFile, type FileHandle, open } from 'node:fs/promises'
import { describe } from '../util/describe.ts'
import { oneLine } from '../util/text.ts'
import type { RelayComparison } from '../verify/compare-relays.ts'
import { writeFailure } from './given-files.ts'
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
 * @throws UsageError for a file that is something else, and for one that cannot be written
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
      await appendFile(file, `${rows.join('\n')}\n`).catch((error: unknown) => {
        throw writeFailure(file, error)
      })
    },
  }
}

async function begin(file: string): Promise<void> {
  try {
    const handle = await open(file, 'a+')
    try {
      const stats = await handle.stat()
      // A pipe or a device begins wherever it is, and a pipe that is read here would wait for one who writes.
      if (!stats.isFile() || stats.size === 0) return await handle.appendFile(`${HEADER}\n`)
      const [first = ''] = (await textAt(handle, 0, HEADER.length + 2)).split('\n', 1)
      if (first.trimEnd() !== HEADER)
        throw new UsageError(
          `--csv adds to a file that begins with ${HEADER}; ${file} does not. Name another one.`,
        )
      // A line that was cut short stays for itself.
      if ((await textAt(handle, stats.size - 1, 1)) !== '\n') await handle.appendFile('\n')
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new UsageError(`${file} cannot be written: ${error.message}.`)
  }
}

/** The file may have grown for years: no more of it is read. */
async function textAt(handle: FileHandle, position: number, length: number): Promise<string> {
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(length), position })
  return buffer.toString('utf8', 0, bytesRead)
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

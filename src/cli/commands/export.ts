import type { OpenedStore } from '../../contracts/opened-store.ts'
import { collectionFilter, type FilterOptions } from '../../sources/collection-filter.ts'
import { type ExportSummary, exportPairs } from '../../transfer/export-pairs.ts'
import type { PairFormat } from '../../transfer/pair-text.ts'
import { count, plural, rate } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { writeFailure } from '../given-files.ts'
import { openExisting } from '../open-database.ts'
import { eventWriter } from '../output/json-lines.ts'
import { unmatchedTexts } from '../output/messages.ts'
import { formatOfName, STANDARD } from '../pair-files.ts'
import { fileOutput, streamOutput } from '../pair-output.ts'
import { createTerminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'

export interface ExportOptions extends FilterOptions {
  readonly format?: PairFormat
  readonly header?: boolean
  readonly json?: boolean
}

/** Writes the pairs of the index to a file, or to the standard output. @returns the exit code */
export async function exportIndex(
  file: string,
  options: ExportOptions,
  database: Database,
  context: Context,
): Promise<number> {
  const { interruption, out, err } = context
  const { signal } = interruption
  const { format = formatOfName(file), header, only, except } = options
  if (options.json && file === STANDARD)
    throw new UsageError('--json and - would both write to the standard output: give a file.')
  // What is said must not get among the pairs, nor among the lines of JSON.
  const terminal = createTerminal(file === STANDARD || options.json ? { ...context, out: err } : context)
  await using store = await openExisting(database, { signal })
  // Before the file is made: an empty one looks like an index without pairs.
  const unmatched = await unmatchedBy(options, store, signal)
  for (const text of unmatchedTexts({ unmatched })) err.write(`! ${printable(text)}\n`)
  const choice = [nameOf(database), format, header, only, except]
  const output = file === STANDARD ? streamOutput(out) : await fileOutput(file, choice)
  const { after } = output
  if (after !== undefined) {
    const where = `${printable(after.collection)}, ${printable(after.cursor ?? '')}`
    terminal.say([`Going on with an export that was interrupted, behind ${where}.`])
  }
  const pairs = exportPairs({ index: store.index, format, header, only, except, after, signal })
  const startedAt = performance.now()
  let at = ''
  const line = () => progressLine(pairs.summary, at, performance.now() - startedAt)
  if (err.isTTY || !(file === STANDARD || options.json))
    terminal.show({ lines: () => ['', `  ${line()}`], plain: line })
  try {
    for await (const { text, collection } of pairs) {
      await output.write(text)
      at = collection
      terminal.refresh()
    }
    await output.finish()
  } catch (error) {
    terminal.clear()
    const goesOn = await output.leave()
    if (signal.aborted && goesOn) terminal.say(['Stopped. Run the same command again to go on from there.'])
    throw file === STANDARD ? error : writeFailure(file, error)
  }
  terminal.clear()
  if (options.json) {
    const resumed = after !== undefined
    eventWriter(out, context.debug)('end', { outcome: 'complete', file, format, resumed, ...pairs.summary })
  } else {
    terminal.say([`${after === undefined ? 'Exported' : 'Exported the rest:'} ${totals(pairs.summary)}.`])
  }
  return EXIT.complete
}

/**
 * What `--only` and `--except` name that the index does not hold.
 *
 * @throws UsageError where they leave out all that it holds
 */
async function unmatchedBy(
  options: ExportOptions,
  { observed }: OpenedStore,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const filter = collectionFilter(options)
  if (!filter.isSet) return []
  const names = (await Array.fromAsync(observed.collections({ signal }))).map(({ nsid }) => nsid)
  if (names.length > 0 && !names.some(filter.wants)) {
    const what = '--only and --except leave out every collection of the index'
    throw new UsageError(`There is nothing to export: ${what}, all ${count(names.length)} of them.`)
  }
  return filter.unmatched(names)
}

function totals({ pairs, collections }: ExportSummary): string {
  return `${plural(pairs, 'pair')} of ${plural(collections, 'collection')}`
}

function progressLine({ pairs }: ExportSummary, at: string, ms: number): string {
  return `${count(pairs)} pairs · ${rate(ms > 0 ? (pairs * 1000) / ms : 0)}/s · ${printable(at)}`
}

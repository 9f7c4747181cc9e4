import type { OpenedStore } from '../../contracts/opened-store.ts'
import { isBackfillError } from '../../errors.ts'
import type { FilterOptions } from '../../sources/collection-filter.ts'
import { type ImportSummary, importPairs } from '../../transfer/import-pairs.ts'
import { count, duration, percent, plural, rate } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { openDatabase } from '../open-database.ts'
import { eventWriter, writeBackfillEvent } from '../output/json-lines.ts'
import { createMessages } from '../output/messages.ts'
import { type PairInput, pairInput, STANDARD } from '../pair-files.ts'
import { createTerminal, type Terminal } from '../terminal.ts'

export interface ImportOptions extends FilterOptions {
  readonly json?: boolean
}

/** Adds the pairs of files, or of the standard input, to the index. @returns the exit code */
export async function importFiles(
  files: readonly string[],
  options: ImportOptions,
  database: Database,
  context: Context,
): Promise<number> {
  // Before the database is made: a misspelt name must not leave one behind.
  const inputs = await Promise.all(files.map((file) => pairInput(file, context)))
  await using store = await openDatabase(database, context)
  const report = options.json ? jsonImportReport(context) : textImportReport(context)
  report.begin(nameOf(database))
  const summaries: ImportSummary[] = []
  for (const [i, input] of inputs.entries())
    summaries.push(await importInput(files[i] ?? STANDARD, input, { options, store, report, context }))
  // Nothing to import is not what was meant: in no file, and where the filter leaves out what is in all of them.
  const isEmpty = summaries.some((summary) => summary.pairs + summary.leftOut === 0 && !isDone(summary))
  const isLeftOut = summaries.every((summary) => summary.pairs === 0 && !isDone(summary))
  return isEmpty || isLeftOut ? EXIT.incomplete : EXIT.complete
}

function isDone({ doneElsewhere, resumedAfter }: ImportSummary): boolean {
  return doneElsewhere || resumedAfter > 0
}

interface Parts {
  readonly options: ImportOptions
  readonly store: OpenedStore
  readonly report: ImportReport
  readonly context: Context
}

async function importInput(
  file: string,
  { from, place, size, read }: PairInput,
  { options, store, report, context }: Parts,
): Promise<ImportSummary> {
  const { only, except } = options
  const { signal } = context.interruption
  // Other collections than the last time are another import.
  const version = place && JSON.stringify([place.version, only ?? [], except ?? []])
  const pairs = importPairs({
    from,
    store,
    name: place?.name,
    version,
    only,
    except,
    signal,
    onEvent: report.handle,
  })
  const { summary } = pairs
  const fraction = () => (size === undefined || size === 0 ? undefined : Math.min(1, read() / size))
  report.file({ file: file === STANDARD ? 'standard input' : file, summary, fraction })
  try {
    for await (const { bytes } of pairs) report.batch(bytes)
    report.end({ outcome: 'complete' })
    return summary
  } catch (error) {
    if (signal.aborted) report.end({ outcome: 'interrupted', canGoOn: place !== undefined })
    else report.end({ outcome: isBackfillError(error, 'INPUT_BROKEN') ? 'incomplete' : 'failed', error })
    throw error
  }
}

/** What is imported at the moment. */
interface ImportedFile {
  readonly file: string
  /** Kept up to date. */
  readonly summary: ImportSummary
  /** How much of it is read, from 0 to 1; nothing where there is no telling. */
  fraction(): number | undefined
}

type ImportEnd =
  | { readonly outcome: 'complete' }
  | { readonly outcome: 'interrupted'; readonly canGoOn: boolean }
  | { readonly outcome: 'incomplete' | 'failed'; readonly error: unknown }

/** Tells how an import goes. */
interface ImportReport {
  begin(database: string): void
  file(imported: ImportedFile): void
  handle: NonNullable<Parameters<typeof importPairs>[0]['onEvent']>
  batch(bytes: number): void
  end(end: ImportEnd): void
}

/** How often how far it is is told, in milliseconds. */
const EVERY_MS = 1_000

function jsonImportReport({ out, debug }: Context): ImportReport {
  const write = eventWriter(out, debug)
  let current: ImportedFile | undefined
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    begin: (database) => write('begin', { database }),
    file(imported) {
      current = imported
    },
    handle: (event) => writeBackfillEvent(write, event),
    batch(bytes) {
      if (current === undefined || performance.now() - toldAt < EVERY_MS) return
      toldAt = performance.now()
      const { lines, pairs, added, invalid } = current.summary
      write('progress', {
        file: current.file,
        fraction: current.fraction(),
        bytes,
        lines,
        pairs,
        added,
        invalid,
      })
    },
    end: (end) => write('end', { file: current?.file, ...end, summary: current?.summary }),
  }
}

function textImportReport(context: Context): ImportReport {
  const terminal = createTerminal(context)
  const messages = createMessages(terminal, { namesRelays: false })
  let current: ImportedFile | undefined
  let startedAt = performance.now()
  const line = () => (current === undefined ? '' : progressLine(current, performance.now() - startedAt))
  return {
    begin: (database) => terminal.say([`index  ${printable(database)}`]),
    file(imported) {
      current = imported
      startedAt = performance.now()
      terminal.show({ lines: () => ['', `  ${line()}`], plain: line })
    },
    handle(event) {
      if (event.type !== 'waiting') return messages.handle(event)
      const [holder] = event.holders
      if (holder !== undefined)
        terminal.say([`  · ${printable(holder.holder)} imports the same at the moment: waiting for it.`])
    },
    batch: () => terminal.refresh(),
    end(end) {
      terminal.clear()
      if (current !== undefined) sayEnd(end, current, terminal, context)
    },
  }
}

function progressLine({ file, summary, fraction }: ImportedFile, ms: number): string {
  const done = fraction()
  const parts = [
    printable(file),
    ...(done === undefined ? [] : [percent(done)]),
    `${count(summary.pairs)} pairs${newText(summary)}`,
    `${rate(ms > 0 ? (summary.pairs * 1000) / ms : 0)}/s`,
    ...(done === undefined || done === 0 ? [] : [`${duration((ms * (1 - done)) / done)} left`]),
  ]
  return parts.join(' · ')
}

function newText({ added }: ImportSummary): string {
  return added === undefined ? '' : ` (${count(added)} new)`
}

function sayEnd(end: ImportEnd, { file, summary }: ImportedFile, terminal: Terminal, { err }: Context): void {
  const { pairs, collections, leftOut, resumedAfter, doneElsewhere } = summary
  const name = printable(file)
  if (doneElsewhere) return terminal.say([`${name}: another process has imported it meanwhile.`])
  const after = resumedAfter > 0 ? `, going on behind line ${count(resumedAfter)}` : ''
  const left = leftOut > 0 ? `; ${plural(leftOut, 'pair')} of other collections left out` : ''
  const what = `${plural(pairs, 'pair')} of ${plural(collections, 'collection')}${newText(summary)}`
  terminal.say([`${name}: ${what}${after}${left}.`])
  if (end.outcome === 'interrupted') {
    const again = end.canGoOn
      ? 'Stopped. Run the same command again to go on from there.'
      : 'Stopped. Run it again from the beginning: adding a pair again changes nothing.'
    terminal.say([again])
  }
  for (const text of problemLines(end, name, summary)) err.write(`${text}\n`)
}

/** What an operator has to know of the file. */
function problemLines({ outcome }: ImportEnd, name: string, summary: ImportSummary): string[] {
  const { lines, pairs, leftOut, invalid, invalidLines, unterminated, unmatched } = summary
  const more = invalid - invalidLines.length
  return [
    ...(invalid === 0 ? [] : [`${name}: ${plural(invalid, 'line is', 'lines are')} no pair, and left out.`]),
    ...invalidLines.map(({ line, problem, text }) => `  line ${count(line)}: ${problem}: ${printable(text)}`),
    ...(more > 0 ? [`  and ${count(more)} more`] : []),
    ...(unterminated && outcome === 'complete'
      ? [
          `${name}: the last line has no line end. If the file was cut short, that line may be wrong, and others are missing.`,
        ]
      : []),
    ...(unmatched.length === 0
      ? []
      : [`${name}: --only or --except: no collection in it matches ${printable(unmatched.join(', '))}.`]),
    ...(outcome === 'complete' && pairs === 0 && leftOut > 0 && !isDone(summary)
      ? [`${name}: nothing was imported, since --only and --except leave out all its pairs.`]
      : []),
    ...(outcome === 'complete' && pairs + leftOut === 0 && !isDone(summary)
      ? [`${name}: there is no pair in ${lines === 0 ? 'it: it is empty' : `its ${plural(lines, 'line')}`}.`]
      : []),
  ]
}

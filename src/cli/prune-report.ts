import type { BackfillEvent } from '../contracts/events.ts'
import type { PruneEvent, PruneSummary } from '../prune/prune-summary.ts'
import { count } from '../util/format.ts'
import { printable } from '../util/text.ts'
import type { BrokenEnd, Context } from './context.ts'
import { eventWriter, writeBackfillEvent } from './output/json-lines.ts'
import { createMessages } from './output/messages.ts'
import { endLines, pruneQuestion, reportLines } from './output/prune-text.ts'
import { isConfirmed } from './question.ts'
import { createTerminal } from './terminal.ts'

/** How a prune ended. */
export type PruneEnd = { readonly outcome: PruneSummary['outcome']; readonly exitCode: number } | BrokenEnd

/** What is pruned. */
export interface PruneBegin {
  readonly relay: string
  readonly database: string
  /** Kept up to date. */
  readonly summary: PruneSummary
}

/** Tells what a prune finds and does. */
export interface PruneReport {
  begin(prune: PruneBegin): void
  handle(this: void, event: BackfillEvent): void
  tell(event: PruneEvent): void
  /** Asks whether more may be removed than is removed without a question. */
  confirm(this: void, report: PruneSummary): Promise<boolean>
  end(end: PruneEnd): void
}

/** How often how far the list is read is told, in milliseconds. */
const EVERY_MS = 1_000

/** For programs: an object in a line for everything that happens. */
export function jsonPruneReport({ out, debug }: Context): PruneReport {
  const write = eventWriter(out, debug)
  let summary: PruneSummary | undefined
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    begin({ relay, database, ...begun }) {
      summary = begun.summary
      write('begin', { relay, database })
    },
    handle: (event) => writeBackfillEvent(write, event),
    tell(event) {
      const { type, ...fields } = event
      if (event.type === 'removed') return write(type, { ...fields, dids: event.dids.length })
      if (event.type === 'listed' && performance.now() - toldAt < EVERY_MS) return
      if (event.type === 'listed') toldAt = performance.now()
      write(type, fields)
    },
    // Nobody reads a question between the lines of a program.
    confirm: async () => false,
    end: (end) => write('end', { ...end, summary }),
  }
}

/** For people: how far it is, the report, and what came of it. */
export function textPruneReport(context: Context): PruneReport {
  const terminal = createTerminal(context)
  const messages = createMessages(terminal, { namesRelays: false })
  let begun: PruneBegin | undefined
  let line = ''
  return {
    begin(prune) {
      begun = prune
      terminal.say([`relay  ${printable(prune.relay)}`, `index  ${printable(prune.database)}`])
      terminal.show({ lines: () => ['', `  ${line}`], plain: () => line })
    },
    handle: (event) => messages.handle(event),
    tell(event) {
      if (event.type === 'report') terminal.say(reportLines(event.report))
      else line = progressLine(event, begun?.summary)
      terminal.refresh()
    },
    async confirm(report) {
      terminal.clear()
      return await isConfirmed(pruneQuestion(report), context)
    },
    end({ outcome }) {
      terminal.clear()
      if (begun === undefined || outcome === 'failed') return
      const lines = outcome === 'interrupted' ? interruptedLines(begun.summary) : endLines(begun.summary)
      terminal.say(lines)
    },
  }
}

function progressLine(
  event: Exclude<PruneEvent, { type: 'report' }>,
  summary: PruneSummary | undefined,
): string {
  if (event.type === 'listed') return `reading the relay's list · ${count(event.listed)} accounts`
  if (event.type === 'counted') return `counting · ${printable(event.collection)}`
  const { removed = 0, unlisted } = summary ?? {}
  const looked = unlisted && unlisted.accounts > 0 ? ` · ${count(unlisted.lookedUp)} looked up` : ''
  return `removing · ${count(removed)} pairs${looked} · ${printable(event.collection)}`
}

function interruptedLines({ removed }: PruneSummary): string[] {
  return [`Stopped. ${count(removed)} pairs were removed; run the same command again to go on.`]
}

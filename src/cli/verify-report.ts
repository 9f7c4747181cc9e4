import type { BackfillEvent } from '../contracts/events.ts'
import { plural } from '../util/format.ts'
import { printable } from '../util/text.ts'
import type { CollectionReport, VerificationSummary } from '../verify/verification-report.ts'
import type { Context } from './context.ts'
import { eventWriter, writeBackfillEvent } from './output/json-lines.ts'
import { createMessages } from './output/messages.ts'
import { relaysDisplay, relaysLine } from './output/relays-display.ts'
import { differenceLines, verdictLines } from './output/verify-text.ts'
import type { Relay } from './relay-options.ts'
import { createTerminal } from './terminal.ts'

/** How a verification ended. */
export type VerifyEnd =
  | {
      readonly outcome: 'equal' | 'different'
      readonly exitCode: number
      /** Collections that are not complete, and so were not compared. */
      readonly leftOut: number
      readonly relays: readonly VerificationSummary[]
    }
  | { readonly outcome: 'interrupted'; readonly exitCode: number }
  | { readonly outcome: 'failed'; readonly exitCode: number; readonly error: unknown }

/** Tells what a verification finds. */
export interface VerifyReport {
  /** An event of the verification, or of a collection that failed in it. */
  handle(event: BackfillEvent): void
  begin(verification: { relays: readonly string[]; database: string }): void
  /** The relay answered a page. */
  page(): void
  compared(report: CollectionReport): void
  end(end: VerifyEnd): void
}

/** For programs: an object in a line for everything that happens. */
export function jsonVerifyReport({ out, debug }: Context): VerifyReport {
  const write = eventWriter(out, debug)
  return {
    handle: (event) => writeBackfillEvent(write, event),
    begin: (verification) => write('begin', verification),
    page() {},
    compared: (report) => write('compared', report),
    end: (end) => write('end', end),
  }
}

/** For people: a display that is kept up to date, and what differs. */
export function textVerifyReport(relays: readonly Relay[], context: Context): VerifyReport {
  const terminal = createTerminal(context)
  const messages = createMessages(terminal, { namesRelays: false })
  return {
    handle: (event) => messages.handle(event),
    begin({ database }) {
      terminal.say([...relays.map(({ relay }) => `relay  ${relay}`), `index  ${printable(database)}`])
      terminal.show({ lines: (size) => relaysDisplay(relays, size), plain: () => relaysLine(relays) })
    },
    page: terminal.refresh,
    compared(report) {
      const lines = differenceLines(report, terminal.screen())
      if (lines.length > 0) terminal.say(lines)
    },
    end(end) {
      terminal.clear()
      if (end.outcome === 'interrupted') terminal.say(['Stopped before everything was compared.'])
      if (end.outcome !== 'equal' && end.outcome !== 'different') return
      terminal.say(end.relays.flatMap((summary) => verdictLines(summary, terminal.screen())))
      if (end.leftOut > 0) context.err.write(`${leftOutLine(end.leftOut)}\n`)
    },
  }
}

function leftOutLine(collections: number): string {
  const one = 'collection is not complete and was not compared'
  const which = plural(collections, one, 'collections are not complete and were not compared')
  return `atproto-collection-backfill: ${which}. Run again first.`
}

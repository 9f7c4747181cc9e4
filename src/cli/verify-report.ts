import type { BackfillEvent } from '../contracts/events.ts'
import { plural } from '../util/format.ts'
import { printable } from '../util/text.ts'
import type { CollectionReport } from '../verify/verification-report.ts'
import type { BrokenEnd, Context } from './context.ts'
import { eventWriter, writeBackfillEvent } from './output/json-lines.ts'
import { createMessages, unmatchedTexts } from './output/messages.ts'
import { createProgressLines } from './output/progress-lines.ts'
import { relaysDisplay, relaysLine } from './output/relays-display.ts'
import { differenceLines, unsettledLines, verdictLines } from './output/verify-text.ts'
import { isConfirmed } from './question.ts'
import type { Relay } from './relay-options.ts'
import { createTerminal } from './terminal.ts'
import type { JudgedEnd } from './verify-work.ts'

/** How a verification ended. */
export type VerifyEnd = JudgedEnd | BrokenEnd

/** Tells what a verification finds. */
export interface VerifyReport {
  /** An event of the verification, or of a collection that failed in it. */
  handle(event: BackfillEvent): void
  /** @param verification.unmatched entries of `--only` and `--except` that match nothing */
  begin(verification: { relays: readonly string[]; database: string; unmatched?: readonly string[] }): void
  /** The index was filled from these relays too, and something is to be removed from it. */
  otherRelays(relays: readonly string[]): void
  /** The index was filled from so many hosts, too. */
  crawledHosts(hosts: number): void
  /** Asks whether something is to be done. */
  confirm(question: string): Promise<boolean>
  /** The relay answered a page. */
  page(): void
  compared(report: CollectionReport): void
  end(end: VerifyEnd): void
}

/** For programs: an object in a line for everything that happens. */
export function jsonVerifyReport(relays: readonly Relay[], { out, debug }: Context): VerifyReport {
  const write = eventWriter(out, debug)
  const progress = createProgressLines(relays, write)
  return {
    handle: (event) => writeBackfillEvent(write, event),
    begin(verification) {
      write('begin', verification)
      progress.begin()
    },
    otherRelays: (relays) => write('otherRelays', { relays }),
    crawledHosts: (hosts) => write('crawledHosts', { hosts }),
    // Nobody reads a question between the lines of a program.
    confirm: async () => false,
    page() {},
    compared: (report) => write('compared', report),
    end(end) {
      progress.end()
      write('end', end)
    },
  }
}

/** For people: a display that is kept up to date, and what differs. */
export function textVerifyReport(relays: readonly Relay[], context: Context): VerifyReport {
  const terminal = createTerminal(context)
  const messages = createMessages(terminal, { namesRelays: false })
  return {
    handle: (event) => messages.handle(event),
    begin({ database, unmatched }) {
      terminal.say([...relays.map(({ relay }) => `relay  ${relay}`), `index  ${printable(database)}`])
      terminal.say(unmatchedTexts({ unmatched }).map((text) => `  ! ${printable(text)}`))
      terminal.show({ lines: (size) => relaysDisplay(relays, size), plain: () => relaysLine(relays) })
    },
    otherRelays(relays) {
      const names = printable(relays.join(', '))
      terminal.say([
        `The index was also filled from ${names}: what only that relay lists counts as surplus.`,
        'To keep it, name that relay with --relay too.',
      ])
    },
    crawledHosts(hosts) {
      terminal.say([
        `The index was also filled from ${plural(hosts, 'host')} by a crawl: their repos that no relay lists count as surplus.`,
        'To ask their hosts instead: the command index, with a file of what --json tells.',
      ])
    },
    async confirm(question) {
      terminal.clear()
      return await isConfirmed(question, context)
    },
    page: terminal.refresh,
    compared(report) {
      const lines = differenceLines(report, terminal.screen())
      if (lines.length > 0) terminal.say(lines)
    },
    end(end) {
      terminal.clear()
      if (end.outcome === 'interrupted') terminal.say(['Stopped before everything was compared.'])
      if (end.outcome === 'interrupted' || end.outcome === 'failed') return
      const [summary] = end.relays
      terminal.say(verdictLines(summary, end.outcome, terminal.screen()))
      for (const line of unsettledLines(end)) context.err.write(`atproto-collection-backfill: ${line}\n`)
    },
  }
}

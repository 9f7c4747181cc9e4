import type { BackfillHooks } from '../contracts/events.ts'
import { plural } from '../util/format.ts'
import { printable } from '../util/text.ts'
import type { CollectionReport, VerificationSummary } from '../verify/verification-report.ts'
import type { Context } from './context.ts'
import { eventHooks, eventWriter } from './output/json-lines.ts'
import { newsOf } from './output/messages.ts'
import { relaysLine, relaysPicture } from './output/relays-display.ts'
import { differenceLines, verdictLines } from './output/verify-text.ts'
import type { Pause, Relay } from './relay-options.ts'
import { createStage } from './terminal.ts'

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
  hooks(relay: string): BackfillHooks
  begin(verification: { relays: readonly string[]; database: string }): void
  paused(pause: Pause): void
  /** The relay answered a page. */
  page(): void
  compared(report: CollectionReport): void
  end(end: VerifyEnd): void
}

/** For programs: an object in a line for everything that happens. */
export function jsonVerifyReport({ out, debug }: Context): VerifyReport {
  const write = eventWriter(out, debug)
  return {
    hooks: (relay) => eventHooks(write, relay),
    begin: (verification) => write('begin', verification),
    paused: (pause) => write('paused', pause),
    page() {},
    compared: (report) => write('compared', report),
    end: (end) => write('end', end),
  }
}

/** For people: a picture that is kept up to date, and what differs. */
export function textVerifyReport(relays: readonly Relay[], context: Context): VerifyReport {
  const stage = createStage(context)
  const news = newsOf(stage)
  return {
    hooks: () => news.hooks(''),
    begin({ database }) {
      stage.say([...relays.map(({ relay }) => `relay  ${relay}`), `index  ${printable(database)}`])
      stage.show({ lines: (size) => relaysPicture(relays, size), plain: () => relaysLine(relays) })
    },
    // Told by the picture, as long as it lasts.
    paused() {},
    page: stage.refresh,
    compared(report) {
      const lines = differenceLines(report, stage.screen())
      if (lines.length > 0) stage.say(lines)
    },
    end(end) {
      stage.clear()
      if (end.outcome === 'interrupted') stage.say(['Stopped before everything was compared.'])
      if (end.outcome !== 'equal' && end.outcome !== 'different') return
      stage.say(end.relays.flatMap((summary) => verdictLines(summary, stage.screen())))
      if (end.leftOut > 0) context.err.write(`${leftOutLine(end.leftOut)}\n`)
    },
  }
}

function leftOutLine(collections: number): string {
  const which = plural(collections, 'collection is', 'collections are')
  return `atproto-collection-backfill: ${which} not complete and not compared; run again first.`
}

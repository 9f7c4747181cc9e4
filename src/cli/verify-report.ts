import type { BackfillHooks } from '../events.ts'
import type { CollectionReport, VerificationSummary } from '../verify/report.ts'
import type { Context } from './context.ts'
import { plural } from './output/format.ts'
import { eventHooks, eventWriter } from './output/json-lines.ts'
import { type Live, showLive } from './output/live.ts'
import { newsOf } from './output/news.ts'
import { relaysLine, relaysPicture } from './output/relays-picture.ts'
import { screenOf } from './output/screen.ts'
import { printable } from './output/text.ts'
import { differenceLines, verdictLine } from './output/verify-text.ts'
import type { Pause, Relay } from './relays.ts'

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
  const { out, err, env, interruption } = context
  const screen = () => screenOf(out, env)
  const print = (lines: readonly string[]) => out.write(`${lines.join('\n')}\n`)
  let live: Live | undefined
  const say = (lines: readonly string[]) => (live === undefined ? print(lines) : live.say(lines))
  const onStop = () => say(['  Stopping. Ctrl-C again stops at once.'])
  const news = newsOf(say, screen)
  return {
    hooks: () => news.hooks(''),
    begin({ database }) {
      print([...relays.map(({ source }) => `relay  ${source}`), `index  ${printable(database)}`])
      interruption.signal.addEventListener('abort', onStop, { once: true })
      const plain = () => relaysLine(relays)
      live = showLive({ lines: (size) => relaysPicture(relays, size), plain }, { out, env })
    },
    // Told by the picture, as long as it lasts.
    paused() {},
    page: () => live?.refresh(),
    compared(report) {
      const lines = differenceLines(report, screen())
      if (lines.length > 0) say(lines)
    },
    end(end) {
      interruption.signal.removeEventListener('abort', onStop)
      live?.stop()
      live = undefined
      if (end.outcome === 'interrupted') print(['Stopped before everything was compared.'])
      if (end.outcome !== 'equal' && end.outcome !== 'different') return
      print(end.relays.map((summary) => verdictLine(summary, screen())))
      if (end.leftOut === 0) return
      err.write(
        `collection-backfill: ${plural(end.leftOut, 'collection is', 'collections are')} not complete and not compared; run again first.\n`,
      )
    },
  }
}

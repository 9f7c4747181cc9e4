import type { BackfillEvent } from '../../contracts/events.ts'
import type { FeedEvent } from '../../contracts/feed-events.ts'
import { isBackfillError } from '../../errors.ts'
import type { AdminRunEnd } from '../../server/admin/admin-run.ts'
import { describe } from '../../util/describe.ts'
import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Context } from '../context.ts'
import { eventWriter, writeBackfillEvent } from '../output/json-lines.ts'
import { createMessages, type Messages, messageSayers } from '../output/messages.ts'
import { createProgressLines, type ProgressLines } from '../output/progress-lines.ts'
import { relaysDisplay, relaysLine, type WatchedRelay } from '../output/relays-display.ts'
import { roomOf } from '../output/run-display.ts'
import type { Screen } from '../output/screen.ts'
import { painter } from '../output/terminal-format.ts'
import { fit } from '../output/terminal-text.ts'
import { createTerminal } from '../terminal.ts'
import { feedMessage } from './feed-messages.ts'

/** What a service tells of itself. */
export interface ServeReport {
  begin(service: ServeBeginning): void
  /** A run over the backlog of a relay begins. */
  beginRun(relay: string): void
  /** An event of that run. */
  handle(event: BackfillEvent): void
  endRun(relay: string, end: AdminRunEnd): void
  /** An event of the feed. */
  feed(event: FeedEvent): void
  /** Something that is to be known: the part of the service, and what happened. */
  tell(part: string, text: string): void
  /** A part failed, and is begun again after `waitMs`, or goes on where that is absent. */
  fail(part: string, error: unknown, waitMs?: number): void
  end(): void
}

export interface ServeBeginning {
  readonly relays: readonly string[]
  /** The feed's address. Absent: none is followed. */
  readonly feed: string | undefined
  /** As people are told of it: without password. */
  readonly database: string
  readonly url: string
}

/** How the service is at the moment. */
export interface ServeView {
  /** The run over a backlog that is under way. */
  run(): WatchedRelay | undefined
  /** Each part in a few words. */
  figures(): readonly string[]
}

/** For programs: an object in a line for everything that happens. */
export function jsonServeReport(view: ServeView, { out, debug }: Context): ServeReport {
  const write = eventWriter(out, debug)
  let progress: ProgressLines | undefined
  return {
    begin: (service) => write('begin', service),
    beginRun(relay) {
      write('runStarted', { relay })
      const run = view.run()
      progress = run && createProgressLines([run], write)
      progress?.begin()
    },
    handle: (event) => writeBackfillEvent(write, event),
    endRun(relay, end) {
      progress?.end()
      write('runEnded', { relay, ...end })
    },
    feed: ({ type, ...fields }) => write(`feed${capitalized(type)}`, fields),
    tell: (part, text) => write('note', { part, text }),
    fail: (part, error, waitMs) => write('trouble', { part, error, waitMs }),
    end: () => write('end', { outcome: 'stopped' }),
  }
}

function capitalized(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}

/** How often a log is told how the service is while no run is under way, in milliseconds. */
const IDLE_LINE_MS = 10 * 60_000

/** For people: a display that is kept up to date, and lines that stay. */
export function textServeReport(view: ServeView, context: Context): ServeReport {
  const terminal = createTerminal(context)
  const { inform, warn, fail } = messageSayers(terminal)
  let messages: Messages | undefined
  let idleLineAt = performance.now()
  return {
    begin({ relays, feed, database, url }) {
      terminal.say([
        ...relays.map((relay) => `relay  ${relay}`),
        ...(feed === undefined ? [] : [`feed   ${printable(feed)}`]),
        `index  ${printable(database)}`,
        `serves ${url}`,
      ])
      terminal.show({
        lines: (screen) => serveDisplay(view, screen),
        plain() {
          const run = view.run()
          if (run !== undefined) return relaysLine([run])
          if (performance.now() - idleLineAt < IDLE_LINE_MS) return ''
          idleLineAt = performance.now()
          return view.figures().join(' · ')
        },
      })
    },
    beginRun() {
      // Each run says anew what goes wrong in it.
      messages = createMessages(terminal, { namesRelays: true })
    },
    handle(event) {
      messages?.handle(event)
      if (event.type === 'page') terminal.refresh()
    },
    endRun(relay, { outcome, error }) {
      if (outcome === 'complete') return inform(relay, `the backlog is complete: ${howMuch(view)}`)
      if (outcome === 'stopped') return inform(relay, 'the run was stopped')
      if (!isBackfillError(error, 'INCOMPLETE')) return fail(relay, `${describe(error)} It is tried again.`)
      const left = plural(error.failures.length, 'collection is', 'collections are')
      fail(relay, `${left} not complete, and tried again later: see the command status`)
    },
    feed(event) {
      const message = feedMessage(event)
      if (message === undefined) terminal.refresh()
      else ({ inform, warn })[message.kind]('feed', message.text)
    },
    tell: inform,
    fail(part, error, waitMs) {
      const again = waitMs === undefined ? '' : ` Again in ${duration(waitMs)}.`
      warn(part, `${describe(error)}${again}`)
    },
    end: () => terminal.clear(),
  }
}

function howMuch(view: ServeView): string {
  const { collections, imported } = view.run()?.monitor.snapshot() ?? {}
  return `${plural(collections?.complete ?? 0, 'collection')}, ${count(imported ?? 0)} imported`
}

/** The run that is under way, and a line for the rest. */
function serveDisplay(view: ServeView, screen: Screen): string[] {
  const run = view.run()
  const paint = painter(screen.color)
  const { width } = roomOf(screen)
  const line = fit(printable(view.figures().join(' · ')), width).trimEnd()
  const figures = ['', `  ${paint('dim', line)}`]
  if (run === undefined) return figures
  return [...relaysDisplay([run], { ...screen, rows: screen.rows - figures.length }), ...figures]
}

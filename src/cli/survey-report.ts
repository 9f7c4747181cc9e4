import type { BackfillEvent } from '../contracts/events.ts'
import { printable } from '../util/text.ts'
import type { Context } from './context.ts'
import { letterOf } from './output/columns-text.ts'
import { eventWriter, writeBackfillEvent } from './output/json-lines.ts'
import { createMessages } from './output/messages.ts'
import { createProgressLines } from './output/progress-lines.ts'
import { relaysDisplay, relaysLine } from './output/relays-display.ts'
import type { Screen } from './output/screen.ts'
import type { Relay } from './relay-options.ts'
import { createTerminal } from './terminal.ts'

/** How a reading of several relays ended. */
export interface SurveyEnd {
  readonly outcome: 'complete' | 'incomplete' | 'interrupted' | 'failed'
  readonly exitCode: number
  readonly error?: unknown
}

/** Tells what relays list, for people or for programs: each finding as an object, or as lines. */
export interface SurveyReport {
  /** An event of the reading. */
  handle(event: BackfillEvent): void
  /** A relay answered a page. */
  page(): void
  begin(fields: object): void
  /** The head of a table, for people. */
  head(lines: (screen: Screen) => readonly string[]): void
  found(type: string, fields: object, lines: (screen: Screen) => readonly string[]): void
  end(end: SurveyEnd, lines: readonly string[]): void
}

export function surveyReport(
  relays: readonly Relay[],
  { json = false }: { json?: boolean | undefined },
  context: Context,
): SurveyReport {
  return json ? jsonReport(relays, context) : textReport(relays, context)
}

function jsonReport(relays: readonly Relay[], { out, debug }: Context): SurveyReport {
  const write = eventWriter(out, debug)
  const progress = createProgressLines(relays, write)
  return {
    handle: (event) => writeBackfillEvent(write, event),
    page() {},
    begin(fields) {
      write('begin', { relays: relays.map(({ relay }) => relay), ...fields })
      progress.begin()
    },
    head() {},
    found: (type, fields) => write(type, fields),
    end(end) {
      progress.end()
      write('end', end)
    },
  }
}

function textReport(relays: readonly Relay[], context: Context): SurveyReport {
  const terminal = createTerminal(context)
  const messages = createMessages(terminal, { namesRelays: true })
  return {
    handle: messages.handle,
    page: terminal.refresh,
    begin() {
      terminal.say(relays.map(({ relay }, i) => `${letterOf(i)}  ${printable(relay)}`))
      terminal.show({ lines: (size) => relaysDisplay(relays, size), plain: () => relaysLine(relays) })
    },
    head: (lines) => terminal.say(lines(terminal.screen())),
    found: (_type, _fields, lines) => terminal.say(lines(terminal.screen())),
    end(end, lines) {
      terminal.clear()
      if (end.outcome === 'interrupted') terminal.say(['Stopped before everything was read.'])
      else terminal.say(lines)
    },
  }
}

import type { Monitor, MonitorSnapshot } from '../../monitor/snapshot.ts'
import { printable } from '../../util/text.ts'
import {
  DISCOVERING,
  noticesOf,
  requestsLine,
  roomOf,
  runDisplay,
  runLine,
  walkLine,
  walksShown,
  whole,
} from './run-display.ts'
import type { Screen } from './screen.ts'
import { type Paint, painter } from './terminal-format.ts'
import { fit } from './terminal-text.ts'

/** A relay, and how the walk over it goes. */
export interface WatchedRelay {
  readonly relay: string
  readonly monitor: Pick<Monitor, 'snapshot'>
}

/** Lines that each of several relays has besides its walks, and one for the cursor. */
const ROWS_OF_A_RELAY = 5
const OTHER_ROWS = 2

/** A run over one relay or several, as lines that fit into the screen. */
export function relaysDisplay(relays: readonly WatchedRelay[], screen: Screen): string[] {
  const [only, ...others] = relays
  if (only !== undefined && others.length === 0) return runDisplay(only.monitor.snapshot(), screen)
  const most = Math.floor((screen.rows - OTHER_ROWS) / relays.length) - ROWS_OF_A_RELAY
  const paint = painter(screen.color)
  return relays
    .flatMap(({ relay, monitor }) => relayLines(relay, monitor.snapshot(), { screen, paint, most }))
    .map((line) => (line === '' ? '' : `  ${line}`))
}

/** Everything of one relay, as close together as it can be read. */
function relayLines(
  relay: string,
  snapshot: MonitorSnapshot,
  { screen, paint, most }: { screen: Screen; paint: Paint; most: number },
): string[] {
  const { width, narrow } = roomOf(screen)
  const line = (text: string) => fit(printable(text), width).trimEnd()
  const begun = snapshot.collections.total > 0
  const walks = walksShown(snapshot).slice(0, Math.max(0, most))
  return [
    '',
    paint('bold', line(begun ? `${relay}: ${requestsLine(snapshot)}` : relay)),
    ...(begun ? whole(snapshot, width, paint) : [line(DISCOVERING)]),
    ...walks.map((walk) => walkLine(walk, width, narrow, paint)),
    ...noticesOf(snapshot).map((notice) => paint('yellow', line(notice))),
  ]
}

/** The same for a log: a line for each relay. */
export function relaysLine(relays: readonly WatchedRelay[]): string {
  const [only, ...others] = relays
  if (only !== undefined && others.length === 0) return runLine(only.monitor.snapshot())
  return relays.map(({ relay, monitor }) => `${printable(relay)}: ${runLine(monitor.snapshot())}`).join('\n')
}

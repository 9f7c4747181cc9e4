import type { BackfillPlan, RelayPlan } from '../../run/plan.ts'
import { byteSize, count, duration, plural, rate } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Database } from '../database.ts'
import { leftOutTexts, unmatchedTexts } from './messages.ts'
import type { Screen } from './screen.ts'
import { painter } from './terminal-format.ts'
import { fit, wrap } from './terminal-text.ts'

/** More would not be read; `--json` has them all. */
const MOST_ROWS = 20
const [REPOS_WIDTH, REQUESTS_WIDTH] = [13, 10]
const MAX_WIDTH = 100
const DATABASES: Readonly<Record<Database['kind'], string>> = {
  postgres: 'Postgres',
  sqlite: 'SQLite',
}

/** What a run would do, for people: a table for each relay, and what it comes to. */
export function planLines(
  plan: BackfillPlan,
  { concurrency = 6, kind }: { concurrency?: number | undefined; kind: Database['kind'] },
  screen: Screen,
): string[] {
  const { relays, pairs, bytes, durationMs, atLeast } = plan
  const width = Math.min(screen.columns - 1, MAX_WIDTH)
  const about = atLeast ? 'at least' : 'about'
  const size = bytes === undefined ? '' : `, ${about} ${byteSize(bytes)} in ${DATABASES[kind]}`
  const paces = relays.flatMap(({ relay, msPerPage, pageSize }) => {
    if (msPerPage === undefined) return []
    const who = relays.length === 1 ? '' : `${printable(relay)}: `
    const pages = `a page of ${count(pageSize)} takes ${count(msPerPage)} ms with ${concurrency} read at once`
    return [`${who}${pages}, ${rate((1000 * concurrency) / Math.max(1, msPerPage))} requests/s`]
  })
  const leftOut = relays.flatMap((relay) => [...unmatchedTexts(relay), ...leftOutTexts(relay)])
  const isDone = relays.every(({ collections }) => collections.length === 0)
  if (isDone) {
    const notes = leftOut.flatMap((note) => wrap(`${printable(note)}.`, width - 2))
    const done = leftOut.length === 0 ? 'Everything is complete' : 'Everything else is complete'
    return ['', ...notes.map((note) => `  ${note}`), `  ${done}: a run would read nothing.`]
  }
  const text = [
    `At this pace ${about} ${duration(durationMs)} for ${about} ${plural(pairs, 'pair')}${size}.`,
    ...paces.map((pace) => `Measured now: ${pace}. A slower database makes it longer.`),
    'Nothing was written. The same command without --dry-run begins.',
  ]
  return [
    ...relays.flatMap((relay) => relayLines(relay, relays.length > 1, width, screen)),
    '',
    ...text.flatMap((line) => wrap(line, width - 2)).map((line) => `  ${line}`),
  ]
}

function relayLines(plan: RelayPlan, namesRelay: boolean, width: number, { color }: Screen): string[] {
  const paint = painter(color)
  const { collections, complete, repos, unsized, requests, failedSources } = plan
  const nameWidth = width - REPOS_WIDTH - REQUESTS_WIDTH - 2
  const row = (name: string, size: string, asked: string) =>
    `  ${fit(name, nameWidth)}${size.padStart(REPOS_WIDTH)}${asked.padStart(REQUESTS_WIDTH)}`
  const shown = collections.slice(0, MOST_ROWS)
  const more = collections.length - shown.length
  const notes = [
    ...(unsized > 0
      ? [`${plural(unsized, 'collection has', 'collections have')} no size: one request each, at least.`]
      : []),
    ...(complete > 0
      ? [`${plural(complete, 'collection is', 'collections are')} complete, and not read again.`]
      : []),
    ...[...unmatchedTexts(plan), ...leftOutTexts(plan)].map((note) => `${printable(note)}.`),
    ...(failedSources.length > 0 ? [`Not asked to the end: ${printable(failedSources.join(', '))}.`] : []),
  ]
  return [
    '',
    ...(namesRelay ? [`  ${printable(plan.relay)}`] : []),
    paint('dim', row('collection', 'repos', 'requests')),
    ...shown.map(({ collection, repos: size, requests: asked }) =>
      row(printable(collection), size === undefined ? '–' : count(size), count(asked)),
    ),
    ...(more > 0 ? [paint('dim', `  and ${count(more)} more: --json has them all`)] : []),
    paint('dim', `  ${'─'.repeat(nameWidth + REPOS_WIDTH + REQUESTS_WIDTH)}`),
    row(plural(collections.length, 'collection'), count(repos), count(requests)),
    ...notes.flatMap((note) => wrap(note, width - 2)).map((note) => paint('dim', `  ${note}`)),
  ]
}

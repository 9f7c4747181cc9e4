import { count, duration, minuteOf, percent, plural } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminFailure, AdminTotals } from '../../wire-types.ts'
import { byId, setHidden, setText } from './dom.ts'
import type { Freshness } from './freshness.ts'
import type { Model } from './model.ts'
import { minuteText, NOTHING, rateText } from './page-format.ts'

/** How far the whole is: by pairs where there are estimates, else by collections. */
export function fractionOf({ total, completed, total_imported, expected_pairs }: AdminTotals): number {
  if (total === 0) return 0
  if (completed === total) return 1
  if (expected_pairs === null || expected_pairs <= 0) return completed / total
  return Math.min(0.999, total_imported / expected_pairs)
}

/** What the run is doing, in a word or two. */
export function stateOf({ running, outcome, pause, started_at }: AdminTotals): {
  name: string
  tone: string
} {
  if (running)
    return pause ? { name: 'Paused by the relay', tone: 'paused' } : { name: 'Running', tone: 'running' }
  if (outcome === 'complete') return { name: 'Complete', tone: 'complete' }
  if (outcome === 'incomplete') return { name: 'Incomplete', tone: 'failed' }
  if (outcome === 'failed') return { name: 'Failed', tone: 'failed' }
  return { name: outcome === 'stopped' || started_at !== null ? 'Stopped' : 'Idle', tone: 'idle' }
}

/** Draws the totals: state, numbers and the bar across. */
export function drawOverview(model: Model, freshness: Freshness): void {
  const { totals } = model
  if (totals === undefined) return
  const state = stateOf(totals)
  const fraction = fractionOf(totals)
  const chip = byId('state', HTMLElement)
  const isLost = freshness === 'disconnected'
  setText(chip, isLost ? `Last seen: ${state.name}` : state.name)
  chip.dataset.tone = isLost ? 'idle' : state.tone
  const relay = totals.relay ?? (totals.sources?.length === 1 ? totals.sources[0] : undefined)
  setHidden(byId('from', HTMLElement), relay === undefined)
  setText(byId('relay-shown', HTMLElement), printable(relay ?? ''))
  setText(byId('percent', HTMLElement), totals.total === 0 ? NOTHING : percent(fraction))
  setText(byId('done', HTMLElement), doneText(totals))
  setText(byId('pairs', HTMLElement), count(totals.total_imported))
  setText(byId('pairs-of', HTMLElement), pairsNote(totals))
  drawRates(totals, freshness)
  drawTimes(totals)
  // Before anything is known, the words about what Start does have the place.
  byId('empty', HTMLElement).textContent = totals.total === 0 ? emptyText(totals) : ''
  document.body.classList.toggle('unknown', totals.total === 0)
  byId('bar-done', HTMLElement).style.transform = `scaleX(${fraction})`
  drawNotices(model)
}

/** The name of the tab, which is looked at while another one is in front. */
export function titleOf({ totals }: Model): string {
  if (totals === undefined) return 'Collection backfill'
  const progress = totals.running ? percent(fractionOf(totals)) : stateOf(totals).name
  return `${progress} · Collection backfill`
}

function doneText({ total, completed, expected_pairs }: AdminTotals): string {
  if (total === 0) return 'No collections yet'
  const collections = `${count(completed)} of ${plural(total, 'collection')} complete`
  return expected_pairs === null || completed === total ? collections : `of the pairs, ${collections}`
}

function emptyText({ running }: AdminTotals): string {
  return running
    ? 'The sources of this server are being asked for the names of the collections.'
    : 'Start asks the sources of this server for the names of all collections, and then imports the DIDs of each one ' +
        'from the relay into the index, page by page. The whole network takes hours. You can stop at any time: the ' +
        'next start goes on where the last one was.'
}

function pairsNote({ expected_pairs, total_imported, running, run_added }: AdminTotals): string {
  const isLess = expected_pairs !== null && expected_pairs > total_imported
  if (isLess) return `of about ${count(expected_pairs)}`
  return running || run_added === 0 ? 'imported' : `imported, ${count(run_added)} new in this run`
}

const RATE_NOTES: Record<Freshness, string> = {
  live: 'last ten seconds',
  disconnected: 'when last seen',
  ended: 'average of the run',
  idle: '',
}

/** The speeds of this moment; of a run that is over its averages; nothing before the first one. */
function drawRates(totals: AdminTotals, freshness: Freshness): void {
  const { running, started_at } = totals
  const duration = durationOf(totals)
  const average = (amount: number) => (duration > 0 ? (1000 * amount) / duration : null)
  const pairs = running ? totals.pairs_per_second : average(totals.run_imported)
  const requests = running ? totals.requests_per_second : average(totals.run_requests)
  setText(byId('pairs-per-second', HTMLElement), rateText(pairs))
  setText(byId('requests-per-second', HTMLElement), rateText(requests))
  for (const note of document.querySelectorAll('.rate-note')) {
    setText(note, RATE_NOTES[freshness])
  }
  for (const place of document.querySelectorAll<HTMLElement>('.numbers :is(.speed, .time)')) {
    setHidden(place, started_at === null)
  }
}

/** How long the run has taken. */
function durationOf({ at, started_at, finished_at }: AdminTotals): number {
  return started_at === null ? 0 : Date.parse(finished_at ?? at) - Date.parse(started_at)
}

function drawTimes(totals: AdminTotals): void {
  const { running, eta_ms, at, finished_at } = totals
  const left = byId('time-left', HTMLElement)
  const note = byId('time-note', HTMLElement)
  const taken = duration(durationOf(totals))
  setText(byId('time-name', HTMLElement), running ? 'Time left' : 'Took')
  if (running) {
    setText(left, eta_ms === null ? NOTHING : duration(eta_ms))
    const end = eta_ms === null ? undefined : new Date(Date.parse(at) + eta_ms)
    setText(note, end === undefined ? `running for ${taken}` : `until about ${minuteOf(end)}`)
  } else {
    setText(left, taken)
    setText(note, finished_at === null ? '' : `ended ${minuteText(finished_at)}`)
  }
}

/** What must not be missed: a pause that the relay asked for, a database that is down, and an end by an error. */
function drawNotices({ totals, failures }: Model): void {
  if (totals === undefined) return
  const { running, pause, at, outcome, error } = totals
  const left = pause && duration(Date.parse(pause.until) - Date.parse(at))
  notice('pause', pause && `The relay asked for a pause of another ${left}${why(pause.message)}`)
  const store = running ? unavailable(failures, at) : undefined
  notice(
    'store-error',
    store && `The database cannot be used at the moment; the run waits for it${why(store.message)}`,
  )
  notice(
    'run-error',
    outcome === 'failed' && error ? `The run ended with an error${why(error.message)}` : null,
  )
}

function notice(id: string, text: string | null | undefined): void {
  const place = byId(id, HTMLElement)
  setHidden(place, !text)
  if (text) setText(place, text)
}

function why(message: string | null): string {
  return message ? `: ${printable(message)}` : ''
}

/** The database is down from a failure on until the time at which it is asked again. */
function unavailable(failures: readonly AdminFailure[], at: string): AdminFailure | undefined {
  const last = failures.findLast(({ kind }) => kind === 'store')
  return last?.retry_at && Date.parse(last.retry_at) >= Date.parse(at) ? last : undefined
}

import { count, duration, percent, plural, shortCount } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminFailure, AdminTotals } from '../../wire-types.ts'
import { byId, setHidden, setText } from './dom.ts'
import type { Model } from './model.ts'
import { NOTHING, rate, timeOf } from './page-format.ts'

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
export function drawOverview(model: Model): void {
  const { totals } = model
  if (totals === undefined) return
  const state = stateOf(totals)
  const fraction = fractionOf(totals)
  const chip = byId('state', HTMLElement)
  setText(chip, state.name)
  chip.dataset.tone = state.tone
  setHidden(byId('from', HTMLElement), totals.relay === null)
  setText(byId('relay-shown', HTMLElement), printable(totals.relay ?? ''))
  setText(byId('percent', HTMLElement), totals.total === 0 ? NOTHING : percent(fraction))
  setText(byId('done', HTMLElement), doneText(totals))
  setText(byId('pairs', HTMLElement), shortCount(totals.total_imported))
  setText(byId('pairs-of', HTMLElement), pairsNote(totals))
  drawRates(totals)
  drawTimes(totals)
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
  if (total === 0) return 'no collections yet'
  const collections = `${count(completed)} of ${plural(total, 'collection')} complete`
  return expected_pairs === null || completed === total ? collections : `of the pairs, ${collections}`
}

function pairsNote({ expected_pairs, total_imported }: AdminTotals): string {
  const isLess = expected_pairs !== null && expected_pairs > total_imported
  return isLess ? `of about ${shortCount(expected_pairs)}` : 'imported'
}

function drawRates({ running, pairs_per_second, requests_per_second }: AdminTotals): void {
  setText(byId('pairs-per-second', HTMLElement), rate(running ? pairs_per_second : null))
  setText(byId('requests-per-second', HTMLElement), rate(running ? requests_per_second : null))
  for (const note of document.querySelectorAll('.rate-note')) {
    setText(note, running ? 'last ten seconds' : 'while a run is under way')
  }
}

function drawTimes({ running, eta_ms, at, started_at, finished_at }: AdminTotals): void {
  const left = byId('time-left', HTMLElement)
  const note = byId('time-note', HTMLElement)
  setText(byId('time-name', HTMLElement), running || started_at === null ? 'Time left' : 'Took')
  if (running) {
    setText(left, eta_ms === null ? NOTHING : duration(eta_ms))
    const end = eta_ms === null ? undefined : new Date(Date.parse(at) + eta_ms).toISOString()
    const since =
      started_at === null ? '' : `running for ${duration(Date.parse(at) - Date.parse(started_at))}`
    setText(note, end === undefined ? since : `until about ${timeOf(end).replace(/:\d\d$/, '')}`)
  } else {
    const isOver = started_at !== null && finished_at !== null
    setText(left, isOver ? duration(Date.parse(finished_at) - Date.parse(started_at)) : NOTHING)
    setText(note, isOver ? `ended at ${timeOf(finished_at)}` : '')
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

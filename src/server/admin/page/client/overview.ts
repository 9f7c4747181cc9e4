import { count, duration, minuteOf, percent, plural } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminAddedWork, AdminTotals, AdminWaiting } from '../../wire-types.ts'
import { byId, setHidden, setText } from './dom.ts'
import type { Freshness } from './freshness.ts'
import type { Model } from './model.ts'
import { drawNotices } from './notices.ts'
import { minuteText, NOTHING, rateText } from './page-format.ts'

/** What a run waits for, in a word or two. */
const WAITING_NAMES: Record<AdminWaiting['reason'], string> = {
  database: 'Waiting for the database',
  relay: 'Paused by the relay',
  setAside: 'Waiting to try again',
  claims: 'Waiting for other workers',
}

/** What the run is doing, in a word or two. */
export function stateOf({ running, outcome, waiting, started_at }: AdminTotals): {
  name: string
  tone: string
} {
  if (running && waiting) return { name: WAITING_NAMES[waiting.reason], tone: 'paused' }
  if (running) return { name: 'Running', tone: 'running' }
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
  const chip = byId('state', HTMLElement)
  const isLost = freshness === 'disconnected'
  setText(chip, isLost ? `Last seen: ${state.name}` : state.name)
  chip.dataset.tone = isLost ? 'idle' : state.tone
  const relay = totals.relay ?? (totals.sources?.length === 1 ? totals.sources[0] : undefined)
  setHidden(byId('from', HTMLElement), relay === undefined)
  setText(byId('relay-shown', HTMLElement), printable(relay ?? ''))
  drawDone(totals)
  setText(byId('imported', HTMLElement), count(totals.total_imported))
  setText(byId('imported-of', HTMLElement), importedNote(totals))
  drawRates(totals, freshness)
  drawTimes(totals)
  // Before anything is known, the words about what Start does have the place.
  byId('empty', HTMLElement).textContent = totals.total === 0 ? emptyText(totals) : ''
  document.body.classList.toggle('unknown', totals.total === 0)
  drawNotices(model)
}

/** The name of the tab, which is looked at while another one is in front. */
export function titleOf({ totals }: Model): string {
  if (totals === undefined) return 'Collection backfill'
  const { running, fraction, completed, total } = totals
  const progress = fraction === null ? `${count(completed)} of ${count(total)}` : percent(fraction)
  return `${running ? progress : stateOf(totals).name} · Collection backfill`
}

/** How much is done: no percentage where nothing tells how much there is. */
function drawDone({ fraction, total, completed, running, added_work, at, sizes }: AdminTotals): void {
  const collections = `of ${plural(total, 'collection')} complete`
  setText(byId('percent', HTMLElement), fraction === null ? count(completed) : percent(fraction))
  const counted = fraction === null ? collections : `${count(completed)} ${collections}`
  setText(byId('done', HTMLElement), total === 0 ? 'No collections yet' : counted)
  const bar = byId('bar-done', HTMLElement)
  const isUnknown = fraction === null && total > 0
  bar.parentElement?.classList.toggle('endless', isUnknown && running)
  bar.style.transform = `scaleX(${fraction ?? completed / Math.max(1, total)})`
  const isRecent = running && added_work !== null && Date.parse(at) - Date.parse(added_work.at) < RECENT_MS
  const added = isRecent ? addedText(added_work) : ''
  setText(byId('work-note', HTMLElement), isUnknown ? SIZE_NOTES[sizes] : added)
}

/** How long it is said that work was added. */
const RECENT_MS = 120_000

function addedText({ at, collections, requests }: AdminAddedWork): string {
  const what = collections > 0 ? plural(collections, 'more collection') : plural(requests, 'more request')
  return `${what} since ${minuteText(at)}`
}

const SIZE_NOTES: Record<AdminTotals['sizes'], string> = {
  known: '',
  unknown: 'The sizes of the collections are not known.',
  tooLow: 'The collections are larger than was told: how much is left is not known.',
  tooHigh: 'The collections are smaller than was told: how much is left is not known.',
}

function emptyText({ running }: AdminTotals): string {
  return running
    ? 'The sources of this server are being asked for the names of the collections.'
    : 'Start asks the sources of this server for the names of all collections, and then imports the DIDs of each one ' +
        'from the relay into the index, page by page. The whole network takes hours. You can stop at any time: the ' +
        'next start goes on where the last one was.'
}

function importedNote({ expected_pairs, total_imported, running, run_added }: AdminTotals): string {
  const isLess = expected_pairs !== null && expected_pairs > total_imported
  if (isLess) return `of about ${count(expected_pairs)}`
  return running || run_added === 0 ? 'DIDs' : `DIDs, ${count(run_added)} new in this run`
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
  const imported = running ? totals.pairs_per_second : average(totals.run_imported)
  const requests = running ? totals.requests_per_second : average(totals.run_requests)
  setText(byId('imported-per-second', HTMLElement), rateText(imported))
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
  const { running, finished_at } = totals
  const left = byId('time-left', HTMLElement)
  const note = byId('time-note', HTMLElement)
  const taken = duration(durationOf(totals))
  setText(byId('time-name', HTMLElement), running ? 'Time left' : 'Took')
  setText(left, running ? leftText(totals) : taken)
  if (!running) setText(note, finished_at === null ? '' : `ended ${minuteText(finished_at)}`)
  else setText(note, endText(totals) ?? `running for ${taken}`)
}

function leftText({ eta_ms, eta_at_least }: AdminTotals): string {
  if (eta_ms === null) return NOTHING
  return eta_at_least ? `at least ${duration(eta_ms)}` : duration(eta_ms)
}

function endText({ eta_ms, eta_at_least, at }: AdminTotals): string | undefined {
  if (eta_ms === null) return undefined
  const end = minuteOf(new Date(Date.parse(at) + eta_ms))
  return eta_at_least ? `not before ${end}` : `until about ${end}`
}

import { count, duration, plural } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminRow, AdminWaiting } from '../../wire-types.ts'
import { byId, setHidden, setText } from './dom.ts'
import type { Model } from './model.ts'
import { timeText } from './page-format.ts'

/** What must not be missed: what the run waits for, a database that is back, and an end by an error. */
export function drawNotices(model: Model): void {
  const { totals, storeBack } = model
  if (totals === undefined) return
  const { running, waiting, outcome, error, at } = totals
  notice('waiting', running && waiting ? waitingText(waiting, at) : null)
  notice('set-aside', setAsideText(model))
  const isBack = storeBack !== undefined && Date.parse(at) - storeBack.at < BACK_MS
  notice('store-back', isBack ? `The database is back, after ${duration(storeBack.unavailableMs)}.` : null)
  notice(
    'run-error',
    outcome === 'failed' && error ? `The run ended with an error${why(error.message)}` : null,
  )
}

/** How long it is said that the database is back. */
const BACK_MS = 10_000

/** What the run waits for, why and until when; of what is set aside {@link setAsideText} tells. */
export function waitingText(waiting: AdminWaiting, at: string): string | null {
  const { reason, since, until, message, collections, holders } = waiting
  const left = until === null ? 0 : Date.parse(until) - Date.parse(at)
  const end = until === null || left <= 0 ? '' : ` until ${timeText(until)}, another ${duration(left)}`
  switch (reason) {
    case 'database': {
      const past = since === null ? '' : ` since ${timeText(since)}`
      return `The database cannot be used${past}; the run waits for it${why(message)}`
    }
    case 'relay':
      return `The relay asked for a pause${end}${why(message)}`
    case 'setAside':
      return null
    case 'claims':
      return `${holdersText(holders)} ${namesText(collections)}${end}; ${end === '' ? 'this run takes over when the claims end' : 'unless renewed, this run takes over then'}.`
  }
}

/** The collections that wait to be tried again, until when, and why where it is one. */
export function setAsideText({ totals, rows }: Pick<Model, 'totals' | 'rows'>): string | null {
  if (totals === undefined || totals.set_aside === 0) return null
  const waiting = [...rows.values()].filter(({ not_before }) => not_before !== null)
  const [first, ...others] = waiting.toSorted((a, b) => dueOf(a) - dueOf(b))
  if (first?.not_before == null) return null
  const left = dueOf(first) - Date.parse(totals.at)
  const when = `at ${timeText(first.not_before)}${left > 0 ? `, in ${duration(left)}` : ''}`
  return others.length === 0
    ? `${printable(first.collection)} is tried again ${when}${why(first.last_error)}`
    : `${plural(waiting.length, 'collection')} wait to be tried again, the first ${when}.`
}

const dueOf = ({ not_before }: AdminRow): number => Date.parse(not_before ?? '')

function holdersText(holders: readonly string[]): string {
  const [first] = holders
  if (first === undefined) return 'Held by other workers:'
  return `Held by ${holders.length === 1 ? printable(first) : `${count(holders.length)} other processes`}:`
}

/** One by its name, several by their number. */
function namesText(collections: readonly string[]): string {
  const [first = ''] = collections
  return collections.length === 1 ? printable(first) : plural(collections.length, 'collection')
}

function notice(id: string, text: string | null): void {
  const place = byId(id, HTMLElement)
  setHidden(place, !text)
  if (text) setText(place.querySelector('.text') ?? place, text)
}

function why(message: string | null): string {
  return message ? `: ${printable(message)}` : ''
}

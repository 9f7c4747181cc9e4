import { printable } from '../../../../util/text.ts'
import { byId, setHidden, setText } from './dom.ts'
import type { Model } from './model.ts'
import { timeText } from './page-format.ts'

/**
 * How far what is shown can be trusted:
 *
 * - `live`: it is how things are
 * - `disconnected`: it is how they were when the connection broke
 * - `ended`: there is no run; speeds are the averages of the last one
 * - `idle`: there was no run in this process; what is known comes from the store
 */
export type Freshness = 'live' | 'disconnected' | 'ended' | 'idle'

export function freshnessOf({ totals }: Pick<Model, 'totals'>, isLost: boolean): Freshness {
  if (isLost) return 'disconnected'
  if (totals === undefined || totals.started_at === null) return 'idle'
  return totals.running ? 'live' : 'ended'
}

/** Greys what is not how things are now, and says of when it is. */
export function drawFreshness(model: Model, freshness: Freshness): void {
  document.body.dataset.figures = freshness
  const text = wordsOf(model, freshness)
  const place = byId('as-of', HTMLElement)
  setHidden(place, text === '')
  setText(place, printable(text))
}

function wordsOf({ totals, rows }: Model, freshness: Freshness): string {
  if (totals === undefined || rows.size === 0) return ''
  if (freshness === 'disconnected') return `As of ${timeText(totals.at)}, when the connection was lost.`
  if (freshness === 'idle') return 'As the store has it: no run has begun since this server started.'
  return ''
}

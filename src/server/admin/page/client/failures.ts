import { count, plural } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminRow } from '../../wire-types.ts'
import { byId, element, setAttribute, setHidden, setText } from './dom.ts'
import { keyOf, type Model } from './model.ts'
import { timeText } from './page-format.ts'
import { nameElement, type RowAction, retryButton } from './row-view.ts'

/** Each has its reason and a button; further ones are a look into the table away, which must not be pushed out of sight. */
const SHOWN = 3

export interface Failures {
  draw(model: Model): void
}

/** The collections that failed, each with its reason. */
export function createFailures(
  onRetry: RowAction,
  onRetryAll: (button: HTMLButtonElement) => void,
  onShowAll: () => void,
): Failures {
  const section = byId('failures', HTMLElement)
  const list = byId('failure-list', HTMLUListElement)
  const more = byId('failures-more', HTMLButtonElement)
  const items = new Map<string, HTMLLIElement>()
  const all = byId('retry-all', HTMLButtonElement)
  more.addEventListener('click', onShowAll)
  all.addEventListener('click', () => onRetryAll(all))

  /** Removes items that are not shown any more; the focus goes from one that had it to the next one. */
  function leave(keys: ReadonlySet<string>): void {
    for (const [key, item] of items) {
      if (keys.has(key)) continue
      const next = item.contains(document.activeElement) ? neighborOf(item) : undefined
      item.remove()
      items.delete(key)
      next?.focus()
    }
  }

  return {
    draw({ rows, counts, failures }) {
      if (counts.failed === 0 && section.contains(document.activeElement))
        byId('search', HTMLElement).focus({ preventScroll: true })
      setHidden(section, counts.failed === 0)
      const failed = counts.failed === 0 ? [] : [...rows.values()].filter(({ state }) => state === 'failed')
      const times = new Map(failures.map(({ collection, at }) => [collection, at]))
      const shown = failed.slice(0, SHOWN)
      leave(new Set(shown.map(keyOf)))
      for (const row of shown) {
        const item = items.get(keyOf(row)) ?? itemOf(row, onRetry)
        items.set(keyOf(row), item)
        if (!item.isConnected) list.append(item)
        tell(item, row, times.get(row.collection))
      }
      setText(byId('failures-title', HTMLElement), `${plural(failed.length, 'collection')} failed`)
      setHidden(more, failed.length <= SHOWN)
      setText(more, `Show all ${count(failed.length)} in the table`)
    },
  }
}

function itemOf(row: AdminRow, onRetry: RowAction): HTMLLIElement {
  const reason = element('p', { class: 'reason' })
  const when = element('p', { class: 'when' })
  return element('li', {}, nameElement(row.collection), reason, when, retryButton(row, onRetry))
}

function neighborOf(item: HTMLLIElement): HTMLElement | undefined {
  const neighbor = item.nextElementSibling ?? item.previousElementSibling
  return neighbor?.querySelector('button') ?? undefined
}

function tell(item: HTMLLIElement, { last_error, attempts }: AdminRow, at: string | undefined): void {
  const [reason, when] = item.querySelectorAll('p')
  const after = attempts > 0 ? `after ${plural(attempts, 'attempt')}` : ''
  const why = last_error === null ? 'No reason was given.' : printable(last_error)
  if (reason) {
    setText(reason, why)
    setAttribute(reason, 'title', why)
  }
  if (when)
    setText(when, [at === undefined ? '' : timeText(at), after].filter((text) => text !== '').join(', '))
}

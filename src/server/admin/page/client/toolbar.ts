import { count } from '../../../../util/format.ts'
import type { AdminRow } from '../../wire-types.ts'
import { byId, setAttribute, setText } from './dom.ts'
import type { Model } from './model.ts'
import type { Column, Selection } from './selection.ts'

/** Columns whose largest values are what one looks for. */
const LARGEST_FIRST: ReadonlySet<Column> = new Set(['imported', 'expected', 'progress'])

export interface Toolbar {
  readonly selection: Selection
  /** Shows the rows in this state, from the top. */
  filter(state: Selection['state']): void
  draw(model: Model, shown: number): void
}

/** What chooses and orders the rows: the filters, the search and the heads of the columns. */
export function createToolbar(onChange: () => void): Toolbar {
  const filters = [...document.querySelectorAll<HTMLButtonElement>('button[data-filter]')]
  const heads = [...document.querySelectorAll<HTMLButtonElement>('button[data-sort]')]
  const search = byId('search', HTMLInputElement)
  let selection: Selection = { state: 'all', search: '', by: 'state', descending: false }

  function change(next: Partial<Selection>): void {
    selection = { ...selection, ...next }
    for (const button of filters) {
      setAttribute(button, 'aria-pressed', String(button.dataset.filter === selection.state))
    }
    for (const button of heads) {
      const isSorted = button.dataset.sort === selection.by
      const order = selection.descending ? 'descending' : 'ascending'
      const head = button.closest('th')
      if (head) setAttribute(head, 'aria-sort', isSorted ? order : 'none')
    }
    onChange()
  }

  for (const button of filters) {
    button.addEventListener('click', () => change({ state: button.dataset.filter as Selection['state'] }))
  }
  for (const button of heads) {
    const by = button.dataset.sort as Column
    button.addEventListener('click', () => {
      const descending = selection.by === by ? !selection.descending : LARGEST_FIRST.has(by)
      change({ by, descending })
    })
  }
  search.addEventListener('input', () => change({ search: search.value }))

  return {
    get selection() {
      return selection
    },
    filter: (state) => change({ state }),
    draw({ rows, counts }, shown) {
      for (const button of filters) {
        const state = button.dataset.filter as AdminRow['state'] | 'all'
        const number = button.querySelector('span')
        if (number) setText(number, count(state === 'all' ? rows.size : counts[state]))
      }
      setText(byId('shown', HTMLElement), shown === 0 ? emptyText(rows.size) : '')
    },
  }
}

function emptyText(known: number): string {
  return known === 0
    ? 'No collection is known yet. Start a backfill to discover them.'
    : 'No collection matches.'
}

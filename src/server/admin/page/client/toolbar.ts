import { count } from '../../../../util/format.ts'
import type { AdminRow } from '../../wire-types.ts'
import { byId, setAttribute, setText } from './dom.ts'
import type { Model } from './model.ts'
import type { Column, Selection } from './selection.ts'
import { queryOf, selectionFrom } from './selection-url.ts'

/** Columns whose largest values are what one looks for. */
const LARGEST_FIRST: ReadonlySet<Column> = new Set(['imported', 'expected', 'progress'])

export interface Toolbar {
  readonly selection: Selection
  /** Shows other rows: the first page of them, if it is not told which. */
  change(next: Partial<Selection>): void
  draw(model: Model, shown: number): void
}

/** What chooses and orders the rows: the filters, the search and the heads of the columns. The URL holds the choice. */
export function createToolbar(onChange: () => void): Toolbar {
  const filters = [...document.querySelectorAll<HTMLButtonElement>('button[data-filter]')]
  const heads = [...document.querySelectorAll<HTMLButtonElement>('button[data-sort]')]
  const search = byId('search', HTMLInputElement)
  let selection = selectionFrom(location.search)

  function show(): void {
    if (search.value !== selection.search) search.value = selection.search
    for (const button of filters) {
      setAttribute(button, 'aria-pressed', String(button.dataset.filter === selection.state))
    }
    for (const button of heads) {
      const isSorted = button.dataset.sort === selection.by
      const order = selection.descending ? 'descending' : 'ascending'
      const head = button.closest('th')
      if (head) setAttribute(head, 'aria-sort', isSorted ? order : 'none')
    }
  }

  function change(next: Partial<Selection>): void {
    selection = { ...selection, page: 1, ...next }
    const url = `${location.pathname}${queryOf(selection)}${location.hash}`
    // Letter by letter is no step to go back to.
    if ('search' in next) history.replaceState(null, '', url)
    else history.pushState(null, '', url)
    show()
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
  addEventListener('popstate', () => {
    selection = selectionFrom(location.search)
    show()
    onChange()
  })
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping()) return
    event.preventDefault()
    search.focus()
    search.select()
  })
  show()

  return {
    get selection() {
      return selection
    },
    change,
    draw({ rows, counts }, shown) {
      for (const button of filters) {
        const state = button.dataset.filter as AdminRow['state'] | 'all'
        const number = button.querySelector('span')
        if (number) setText(number, count(state === 'all' ? rows.size : counts[state]))
      }
      setText(byId('shown', HTMLElement), shown === 0 && rows.size > 0 ? 'No collection matches.' : '')
    },
  }
}

/** Whether a key that is pressed is text, or a dialog is open. */
function isTyping(): boolean {
  const at = document.activeElement
  const isField = at instanceof HTMLInputElement || at instanceof HTMLSelectElement
  return isField || document.querySelector('dialog[open]') !== null
}

import { byId, element, setHidden } from './dom.ts'
import type { Model } from './model.ts'
import { createRowView, type Retry, type RowView } from './row-view.ts'

/** What the browser lays out and paints together, or leaves out while it is out of sight: see `content-visibility`. */
const GROUP_ROWS = 50

/** The table of collections: all its rows are in the document, in groups. */
export interface Table {
  /** Gives the rows that are shown, in their order. */
  setOrder(keys: readonly string[]): void
  /** Draws the rows that have changed. */
  draw(model: Model): void
  /** Whether a button in it is about to be pressed: then the rows must stay where they are. */
  isHeld(): boolean
}

export function createTable(onRetry: Retry): Table {
  const table = byId('table', HTMLTableElement)
  const views = new Map<string, RowView>()
  const groups: HTMLTableSectionElement[] = []
  let order: readonly string[] = []
  let arranged = order

  /** Touches only the rows that are not in their places. */
  function arrange(): void {
    const focused = document.activeElement
    const shown = order.flatMap((key) => views.get(key)?.root ?? [])
    const wanted = new Set(shown)
    for (const { root } of views.values()) if (!wanted.has(root)) root.remove()
    const needed = Math.ceil(shown.length / GROUP_ROWS)
    while (groups.length < needed) groups.push(table.appendChild(element('tbody', { role: 'rowgroup' })))
    for (const group of groups.splice(needed)) group.remove()
    for (const [i, group] of groups.entries()) fill(group, shown.slice(i * GROUP_ROWS, (i + 1) * GROUP_ROWS))
    // A row that is moved loses the focus.
    if (focused !== document.activeElement && focused instanceof HTMLElement)
      focused.focus({ preventScroll: true })
    arranged = order
  }

  return {
    setOrder(keys) {
      order = keys
      setHidden(table, order.length === 0)
    },
    draw({ rows, totals }) {
      for (const [key, { root }] of views) {
        if (rows.has(key)) continue
        root.remove()
        views.delete(key)
      }
      for (const key of order) {
        const row = rows.get(key)
        if (row === undefined) continue
        const view = views.get(key) ?? createRowView(row, onRetry)
        views.set(key, view)
        view.show(row, totals?.relay === null)
      }
      if (arranged !== order) arrange()
    },
    isHeld: () => table.querySelector('tbody :is(button:hover, button:focus)') !== null,
  }
}

function fill(group: HTMLElement, rows: readonly HTMLElement[]): void {
  // How high it is while it is not laid out.
  group.style.setProperty('--rows', String(rows.length))
  let next = group.firstElementChild
  for (const row of rows) {
    if (row === next) next = next.nextElementSibling
    else group.insertBefore(row, next)
  }
}

import { byId, setAttribute, setHidden } from './dom.ts'
import type { Model } from './model.ts'
import { createRowView, type Retry, type RowView } from './row-view.ts'

/** Rows above and below what is in sight, so that scrolling finds them drawn. */
const SPARE_ROWS = 8
/** So many are there even when the table is out of sight: a screen reader comes to it without scrolling. */
const LEAST_ROWS = 20

/** A table of any length, of which only the rows in sight are in the document. */
export interface Table {
  /** Gives the rows that are shown, in their order. */
  setOrder(keys: readonly string[]): void
  /** Draws what is in sight. */
  draw(model: Model): void
  /** Whether somebody is about to press a button in it: then the rows must stay where they are. */
  isHeld(): boolean
}

export function createTable(onRetry: Retry, onScroll: () => void): Table {
  const table = byId('table', HTMLTableElement)
  const body = byId('rows', HTMLTableSectionElement)
  const probe = byId('row-probe', HTMLElement)
  const views = new Map<string, RowView>()
  let order: readonly string[] = []
  let positions = new Map<string, number>()
  let rowHeight = probe.offsetHeight

  addEventListener('scroll', onScroll, { passive: true })
  addEventListener('resize', onScroll, { passive: true })
  // The height of a row follows the width of the page and the size of the reader's letters.
  new ResizeObserver(() => {
    rowHeight = probe.offsetHeight
    onScroll()
  }).observe(probe)

  /** The first and the last row that are drawn. */
  function inSight(): [first: number, end: number] {
    const above = -body.getBoundingClientRect().top
    const wanted = Math.floor(above / rowHeight) - SPARE_ROWS
    const first = Math.max(0, Math.min(wanted, order.length - LEAST_ROWS))
    const end = Math.ceil((above + innerHeight) / rowHeight) + SPARE_ROWS
    return [first, Math.min(order.length, Math.max(end, first + LEAST_ROWS))]
  }

  function leave(wanted: ReadonlySet<string>): void {
    for (const [key, { root }] of views) {
      if (wanted.has(key)) continue
      // Whoever is in a row with the keyboard stays in it when it scrolls away.
      if (positions.has(key) && root.contains(document.activeElement)) continue
      root.remove()
      views.delete(key)
    }
  }

  /** Screen readers and the tab key go by the order in the document. */
  function arrange(shown: readonly HTMLElement[]): void {
    let next = body.firstElementChild
    for (const root of shown) {
      if (root === next) next = next.nextElementSibling
      else body.insertBefore(root, next)
    }
  }

  return {
    setOrder(keys) {
      order = keys
      positions = new Map(keys.map((key, i) => [key, i]))
      setHidden(table, order.length === 0)
      setAttribute(table, 'aria-rowcount', String(order.length + 1))
    },
    draw({ rows, totals }) {
      body.style.height = `${order.length * rowHeight}px`
      const [first, end] = inSight()
      const wanted = new Set(order.slice(first, end))
      leave(wanted)
      const shown = [...wanted.union(new Set(views.keys()))].flatMap((key) => {
        const index = positions.get(key)
        const row = rows.get(key)
        if (index === undefined || row === undefined) return []
        const view = views.get(key) ?? createRowView(row, onRetry)
        views.set(key, view)
        view.show(row, index, totals?.relay === null)
        view.root.style.top = `${index * rowHeight}px`
        return [{ index, root: view.root }]
      })
      arrange(shown.sort((a, b) => a.index - b.index).map(({ root }) => root))
    },
    isHeld: () => body.querySelector('button:hover, button:focus') !== null,
  }
}

import { byId, setHidden } from './dom.ts'
import type { Model } from './model.ts'
import { createRowView, type RowActions, type RowView } from './row-view.ts'

/** The table of collections: one page of its rows. */
export interface Table {
  /** Gives the rows that are shown, in their order. */
  setOrder(keys: readonly string[]): void
  /** Draws the rows that have changed. */
  draw(model: Model): void
  /** Whether something in it has the focus or is about to be pressed: then the rows must stay where they are. */
  isHeld(): boolean
  /** Shows its head, where that is out of sight. */
  scrollToTop(): void
}

export function createTable(actions: RowActions): Table {
  const table = byId('table', HTMLTableElement)
  const body = byId('rows', HTMLTableSectionElement)
  const views = new Map<string, RowView>()
  let order: readonly string[] = []
  let arranged = order

  /** Touches only the rows that are not in their places. */
  function arrange(): void {
    const focused = document.activeElement
    let next = body.firstElementChild
    for (const key of order) {
      const root = views.get(key)?.root
      if (root === undefined) continue
      if (root === next) next = next.nextElementSibling
      else body.insertBefore(root, next)
    }
    // A row that is moved loses the focus.
    if (focused !== document.activeElement && focused instanceof HTMLElement && focused.isConnected)
      focused.focus({ preventScroll: true })
    arranged = order
  }

  function leave(keys: ReadonlySet<string>): void {
    for (const [key, { root }] of views) {
      if (keys.has(key)) continue
      root.remove()
      views.delete(key)
    }
  }

  return {
    setOrder(keys) {
      order = keys
      setHidden(table, order.length === 0)
    },
    draw({ rows, relays }) {
      const shown = order.filter((key) => rows.has(key))
      if (arranged !== order || shown.length !== views.size) leave(new Set(shown))
      for (const key of shown) {
        const row = rows.get(key)
        if (row === undefined) continue
        const view = views.get(key) ?? createRowView(row, actions)
        views.set(key, view)
        view.show(row, relays.size > 1)
      }
      if (arranged !== order) arrange()
    },
    isHeld: () => body.matches(':focus-within') || body.querySelector('button:hover') !== null,
    scrollToTop() {
      if (table.getBoundingClientRect().top < 0) table.scrollIntoView()
    },
  }
}

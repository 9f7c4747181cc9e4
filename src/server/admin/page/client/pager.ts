import { count } from '../../../../util/format.ts'
import { element, setHidden, setText } from './dom.ts'

/** How many rows a page of the table has: some screens of them. */
export const PAGE_ROWS = 50

/** How many pages there are; an empty table has one. */
export const pageCount = (rows: number): number => Math.max(1, Math.ceil(rows / PAGE_ROWS))

/** Which page is shown when this one is asked for: there may be fewer by now. */
export const shownPage = (page: number, rows: number): number => Math.min(page, pageCount(rows))

/** 51–100 of 5,000 */
function rangeText(page: number, rows: number): string {
  const first = (page - 1) * PAGE_ROWS + 1
  return `${count(first)}–${count(Math.min(rows, first + PAGE_ROWS - 1))} of ${count(rows)}`
}

/** What turns the pages of the table, above and below it. */
export interface Pager {
  draw(page: number, rows: number): void
}

export function createPager(onTurn: (page: number) => void): Pager {
  const places = [...document.querySelectorAll<HTMLElement>('nav.pager')]
  let shown = { page: 1, last: 1 }
  const views = places.map((place) => {
    const range = element('span', { class: 'range' })
    const turn = (label: string, sign: string, to: () => number) => {
      const button = element('button', { type: 'button', class: 'small', 'aria-label': label }, sign)
      button.addEventListener('click', () => {
        if (button.ariaDisabled !== 'true') onTurn(to())
      })
      return button
    }
    const back = [turn('First page', '«', () => 1), turn('Previous page', '‹', () => shown.page - 1)]
    const forth = [turn('Next page', '›', () => shown.page + 1), turn('Last page', '»', () => shown.last)]
    place.append(...back, range, ...forth)
    return { place, range, back, forth }
  })
  return {
    draw(page, rows) {
      shown = { page, last: pageCount(rows) }
      for (const { place, range, back, forth } of views) {
        setHidden(place, shown.last === 1)
        setText(range, rangeText(page, rows))
        // Not disabled: a button that is disabled loses the focus.
        for (const button of back) button.ariaDisabled = String(page === 1)
        for (const button of forth) button.ariaDisabled = String(page === shown.last)
      }
    },
  }
}

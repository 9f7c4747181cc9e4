import { FLAG_WORDS } from '../../../../util/flags.ts'
import { count, percent, plural } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminRow } from '../../wire-types.ts'
import { element, setAttribute, setHidden, setText } from './dom.ts'
import { changeIcon, icon } from './icons.ts'
import { NOTHING, timeText } from './page-format.ts'
import { progressOf } from './selection.ts'

/** Does with a collection what its button says. */
export type RowAction = (row: AdminRow, button: HTMLButtonElement) => void

/** What can be done with a row. */
export interface RowActions {
  readonly retry: RowAction
  readonly cancel: RowAction
}

/** One row of the table, drawn. */
export interface RowView {
  readonly root: HTMLTableRowElement
  /** @param isOfMany whether there are rows of several relays, so that each has to say whose it is */
  show(row: AdminRow, isOfMany: boolean): void
}

const STATE_NAMES: Record<AdminRow['state'], string> = {
  pending: 'Pending',
  running: 'Running',
  failed: 'Failed',
  complete: 'Complete',
}

/** The authority of an NSID is quieter than its name: a list of `app.bsky.…` is told apart by what comes after. */
export function nameParts(nsid: string): [authority: string, name: string] {
  const cut = nsid.split('.', 2).join('.').length + 1
  return cut >= nsid.length ? ['', nsid] : [nsid.slice(0, cut), nsid.slice(cut)]
}

export function nameElement(nsid: string): HTMLElement {
  const [authority, name] = nameParts(printable(nsid))
  return element(
    'bdi',
    { class: 'nsid', title: printable(nsid) },
    element('span', { class: 'authority' }, authority),
    name,
  )
}

export function retryButton(row: AdminRow, onRetry: RowAction): HTMLButtonElement {
  const label = `Retry ${printable(row.collection)}`
  const attributes = { type: 'button', class: 'small retry', 'aria-label': label, 'data-busy': 'Retrying…' }
  const button = element('button', attributes, 'Retry')
  button.addEventListener('click', () => onRetry(row, button))
  return button
}

function cancelButton(row: AdminRow, onCancel: RowAction): HTMLButtonElement {
  const label = `Cancel ${printable(row.collection)}`
  const attributes = { type: 'button', class: 'small', 'aria-label': label, 'data-busy': 'Cancelling…' }
  const button = element('button', attributes, 'Cancel')
  button.addEventListener('click', () => onCancel(row, button))
  return button
}

/** @param given names the collection and its relay, which do not change */
export function createRowView(given: AdminRow, actions: RowActions): RowView {
  const detail = element('span', { class: 'detail' })
  const glyph = icon('pending')
  const state = element('span', { class: 'state-name' })
  const fill = element('span', { class: 'fill' })
  const part = element('span', { class: 'part' })
  const bar = element('span', { class: 'bar', 'aria-hidden': 'true' }, fill)
  const imported = element('td', { role: 'cell', class: 'imported' })
  const expected = element('td', { role: 'cell', class: 'expected' })
  const retry = retryButton(given, actions.retry)
  const cancel = cancelButton(given, actions.cancel)
  const root = element(
    'tr',
    { role: 'row', tabindex: '-1' },
    element('th', { role: 'rowheader', scope: 'row', class: 'name' }, nameElement(given.collection)),
    element('td', { role: 'cell', class: 'state' }, glyph, state, ' ', detail),
    element('td', { role: 'cell', class: 'progress' }, bar, part),
    imported,
    expected,
    element('td', { role: 'cell', class: 'action' }, retry, cancel),
  )
  let shown: AdminRow | undefined
  let wasOfMany = false
  return {
    root,
    show(row, isOfMany) {
      if (row === shown && isOfMany === wasOfMany) return
      shown = row
      wasOfMany = isOfMany
      const progress = progressOf(row)
      setAttribute(root, 'data-state', row.state)
      root.classList.toggle('flagged', row.flags.length > 0)
      changeIcon(glyph, row.state)
      setText(state, STATE_NAMES[row.state])
      const words = isOfMany ? `${printable(row.source)}, ${detailOf(row)}` : detailOf(row)
      setText(detail, words)
      // Where the column is too narrow, a pointer over it shows the whole.
      setAttribute(detail, 'title', words)
      setText(part, progress === undefined ? NOTHING : percent(progress))
      bar.classList.toggle('unknown', progress === undefined)
      fill.style.transform = `scaleX(${progress ?? 1})`
      setText(imported, count(row.imported))
      setText(expected, row.estimated_repos === null ? NOTHING : `~${count(row.estimated_repos)}`)
      allow(retry, row.state === 'failed' || row.not_before !== null, root)
      allow(cancel, row.state === 'running' || row.state === 'pending', root)
    },
  }
}

/** Where a button goes that was pressed, the focus stays in its row. */
function allow(button: HTMLButtonElement, isAllowed: boolean, row: HTMLElement): void {
  if (!isAllowed && document.activeElement === button) row.focus()
  setHidden(button, !isAllowed)
}

/** What is to be said of a collection besides its numbers: what is to be known for good first. */
export function detailOf(row: AdminRow): string {
  const flags = row.flags.map((flag) => FLAG_WORDS[flag] ?? flag)
  const invalid = row.invalid > 0 ? [`${count(row.invalid)} invalid`] : []
  const why = row.last_error === null ? '' : printable(row.last_error)
  switch (row.state) {
    case 'running':
      return [...flags, plural(row.pages, 'page'), ...invalid, ...holderOf(row)].join(', ')
    case 'failed':
      return [...flags, why || 'no reason was given'].join(', ')
    case 'complete':
      return [
        ...flags,
        row.completed_at === null ? 'complete' : `since ${timeText(row.completed_at)}`,
        ...invalid,
      ].join(', ')
    case 'pending':
      return [...flags, pendingText(row, why)].join(', ')
  }
}

function pendingText({ not_before, pages }: AdminRow, why: string): string {
  if (not_before !== null) return `again at ${timeText(not_before)}${why && `: ${why}`}`
  if (why !== '') return `again soon: ${why}`
  return pages > 0 ? `goes on after ${plural(pages, 'page')}` : 'not begun'
}

/** Another worker's claim: who has it, and until when without a renewal. */
function holderOf({ owner, lease_ends_at }: AdminRow): string[] {
  if (owner === null) return []
  const end = lease_ends_at === null ? '' : ` until ${timeText(lease_ends_at)}`
  return [`held by ${printable(owner)}${end}`]
}

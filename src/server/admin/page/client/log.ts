import { count } from '../../../../util/format.ts'
import { printable } from '../../../../util/text.ts'
import type { AdminFailure } from '../../wire-types.ts'
import { byId, element, setHidden, setText } from './dom.ts'
import type { Model } from './model.ts'
import { timeText } from './page-format.ts'

/** What went wrong and passed, or will be tried again: the last hundred, the newest first. */
export interface Log {
  draw(model: Model): void
}

const KINDS: Record<AdminFailure['kind'], (failure: AdminFailure) => string> = {
  collection: ({ collection }) => collection ?? 'A collection',
  'claim-lost': ({ collection }) =>
    `${collection ?? 'A collection'}, taken over by another worker, or cancelled`,
  source: ({ name }) => `Source ${name ?? ''}`,
  store: () => 'Database',
  index: () => 'Index',
}

export function createLog(): Log {
  const details = byId('log', HTMLDetailsElement)
  const list = byId('log-list', HTMLOListElement)
  let failures: readonly AdminFailure[] = []
  let drawn: readonly AdminFailure[] | undefined

  function fill(): void {
    if (!details.open || drawn === failures) return
    drawn = failures
    list.replaceChildren(...failures.toReversed().map(entryOf))
  }
  details.addEventListener('toggle', fill)

  return {
    draw(model) {
      failures = model.failures
      setHidden(details, failures.length === 0)
      setText(byId('log-count', HTMLElement), count(failures.length))
      fill()
    },
  }
}

function entryOf(failure: AdminFailure): HTMLLIElement {
  const { at, times, message, retry_at } = failure
  const repeated = times > 1 ? ` (${count(times)} times)` : ''
  const next = retry_at === null ? '' : `, again at ${timeText(retry_at)}`
  return element(
    'li',
    {},
    element('p', { class: 'when' }, `${timeText(at)}${repeated}${next}`),
    element('p', {}, element('bdi', { class: 'subject' }, printable(KINDS[failure.kind](failure)))),
    element('p', { class: 'reason' }, printable(message)),
  )
}

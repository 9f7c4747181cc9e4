import type { AdminRow } from '../../wire-types.ts'
import { svg } from './dom.ts'

/** Drawn in a square of 16, so that a state is told by its shape and not by its color alone. */
const PATHS: Record<AdminRow['state'], string> = {
  pending: 'M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9Z',
  running: 'M4.5 3.5 12 8l-7.5 4.5Z',
  failed: 'm4.5 4.5 7 7m0-7-7 7',
  complete: 'm3.5 8.5 3 3 6-7',
}

export function icon(state: AdminRow['state']): SVGElement {
  return svg('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true' }, path(state))
}

function path(state: AdminRow['state']): SVGElement {
  return svg('path', { d: PATHS[state] })
}

export function changeIcon(drawn: SVGElement, state: AdminRow['state']): void {
  drawn.firstElementChild?.setAttribute('d', PATHS[state])
}

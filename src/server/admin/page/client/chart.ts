import { count } from '../../../../util/format.ts'
import type { AdminSample } from '../../wire-types.ts'
import {
  type Curve,
  curveOf,
  describeCurve,
  momentOf,
  type Point,
  pointsOf,
  thinned,
  type Words,
  wordsFor,
} from './curve.ts'
import { byId, element, setHidden, setText, svg } from './dom.ts'
import type { Freshness } from './freshness.ts'

const HEIGHT = 96
const ROWS = 12

/** The speed over time: as a drawing, as a sentence for a screen reader, and as a table that can be opened. */
export interface Chart {
  draw(history: readonly AdminSample[], freshness: Freshness): void
}

export function createChart(): Chart {
  const figure = byId('chart', HTMLElement)
  const drawing = byId('curve', SVGSVGElement)
  const reading = byId('reading', HTMLElement)
  const details = byId('chart-details', HTMLDetailsElement)
  const marker = svg('g', { class: 'marker', visibility: 'hidden' }, svg('line'), svg('circle', { r: '4' }))
  let points: readonly Point[] = []
  let words = wordsFor('live')
  let curve: Curve | undefined
  let pointer: number | undefined

  function redraw(): void {
    const width = drawing.clientWidth
    if (width === 0) return
    curve = curveOf(points, width, HEIGHT, words)
    drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    drawing.setAttribute('aria-label', describeCurve(points, words))
    drawing.replaceChildren(...shapes(curve, width), marker)
    label(byId('curve-scale', HTMLElement), curve)
    setText(byId('time-end', HTMLElement), words.last)
    mark()
    if (details.open) fillTable(points, words)
  }

  /** Shows the value under the pointer, or the latest. */
  function mark(): void {
    const found = pointer === undefined ? undefined : curve?.nearest(pointer)
    marker.setAttribute('visibility', found ? 'visible' : 'hidden')
    if (found) place(marker, found)
    const last = points.at(-1)
    const when = momentOf(found && last ? last.at - found.point.at : 0, words)
    const point = found?.point ?? last
    setText(reading, point ? `${count(point.value)} DIDs/s ${when}` : '')
  }

  drawing.addEventListener('pointermove', ({ clientX }) => {
    pointer = clientX - drawing.getBoundingClientRect().left
    mark()
  })
  drawing.addEventListener('pointerleave', () => {
    pointer = undefined
    mark()
  })
  details.addEventListener('toggle', () => {
    if (details.open) fillTable(points, words)
  })
  new ResizeObserver(redraw).observe(figure)

  let shown: Freshness | undefined
  let drawn: readonly AdminSample[] | undefined
  return {
    draw(history, freshness) {
      if (history === drawn && freshness === shown) return
      shown = freshness
      words = wordsFor(freshness)
      drawn = history
      points = pointsOf(history)
      figure.classList.toggle('empty', points.length < 2)
      setHidden(figure, freshness === 'idle')
      redraw()
    },
  }
}

function shapes({ scale, area, line }: Curve, width: number): SVGElement[] {
  const across = scale.map(({ y }) =>
    svg('line', { class: 'across', x1: '0', x2: String(width), y1: String(y), y2: String(y) }),
  )
  return [...across, svg('path', { class: 'area', d: area }), svg('path', { class: 'line', d: line })]
}

/** The numbers are text beside the drawing, so that they keep their size. */
function label(beside: HTMLElement, { scale, times }: Curve): void {
  const [upper, middle] = scale
  const [start, half] = times
  setText(byId('scale-top', HTMLElement), upper?.label ?? '')
  setText(byId('scale-middle', HTMLElement), middle?.label ?? '')
  setText(byId('time-start', HTMLElement), start?.label ?? '')
  setText(byId('time-middle', HTMLElement), half?.label ?? '')
  beside.style.setProperty('--middle', `${middle?.y ?? 0}px`)
}

function place(marker: SVGElement, { x, y }: { x: number; y: number }): void {
  const [line, dot] = marker.children
  for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 0, y2: HEIGHT })) {
    line?.setAttribute(name, String(value))
  }
  dot?.setAttribute('cx', String(x))
  dot?.setAttribute('cy', String(y))
}

function fillTable(points: readonly Point[], words: Words): void {
  const last = points.at(-1)
  const rows = thinned(points, ROWS).map(({ at, value }) =>
    element(
      'tr',
      {},
      element('td', {}, momentOf(last === undefined ? 0 : last.at - at, words)),
      element('td', {}, count(value)),
    ),
  )
  byId('chart-rows', HTMLTableSectionElement).replaceChildren(...rows)
}

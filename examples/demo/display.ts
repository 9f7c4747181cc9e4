import { bar, count, duration, fit, type Paint, painter, plural } from './format.ts'

/** How far the run is: all that the display shows. */
export interface View {
  readonly collections: { readonly done: number; readonly total: number }
  /** Without a total while nobody has said how many repos there are. */
  readonly pairs: { readonly done: number; readonly total?: number | undefined }
  /** The part of the work that is done, from 0 to 1. */
  readonly fraction: number
  readonly pairsPerSecond?: number | undefined
  readonly secondsLeft?: number | undefined
  readonly walks: readonly Walk[]
  readonly requests: number
  readonly retries: number
  /** Collections that are not complete after an error. */
  readonly failed: number
  /** What went wrong last, in one line. */
  readonly notice?: string | undefined
}

/** One line of work: a collection that is walked, or was until the next one takes its place. */
export interface Walk {
  readonly collection: string
  readonly imported: number
  readonly size?: number | undefined
  readonly done: boolean
}

export interface Screen {
  readonly columns: number
  readonly color: boolean
}

const MAX_WIDTH = 100
const NARROW = 68
const DISCOVERING = 'asking which collections there are'

/** The display as lines that fit into the screen's columns. Equal views give the same lines in the same places. */
export function render(view: View, { columns, color }: Screen): string[] {
  const paint = painter(color)
  // The last column stays free: some terminals wrap when it is written to.
  const width = Math.min(columns - 1, MAX_WIDTH) - 2
  const narrow = columns < NARROW
  if (view.collections.total === 0) {
    return [DISCOVERING, ...faults(view, width, paint)].map((line) => `  ${line}`)
  }
  const lines = [
    overall(view, width, paint),
    '',
    ...(narrow ? stacked(view, paint) : sideBySide(view, paint)),
    '',
    ...view.walks.map((walk) => walkLine(walk, width, narrow, paint)),
    '',
    ...faults(view, width, paint),
  ]
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}

/** The same in one line, for a log. */
export function plainLine(view: View, elapsedMs: number): string {
  const { collections, pairs, pairsPerSecond, secondsLeft, retries, failed, notice } = view
  const parts = [
    duration(Math.floor(elapsedMs / 1000)),
    ...(collections.total === 0
      ? [DISCOVERING]
      : [
          `${ofTotal(collections.done, collections.total)} collections`,
          `${ofTotal(pairs.done, pairs.total)} pairs`,
        ]),
    ...(pairsPerSecond === undefined ? [] : [`${count(pairsPerSecond)} pairs/s`]),
    ...(secondsLeft === undefined ? [] : [`${duration(secondsLeft)} left`]),
    ...(retries === 0 ? [] : [plural(retries, 'retry', 'retries')]),
    ...(failed === 0 ? [] : [`${count(failed)} failing`]),
    ...(notice === undefined ? [] : [notice]),
  ]
  return parts.join(' · ')
}

function overall({ fraction }: View, width: number, paint: Paint): string {
  const percent = `${Math.floor(fraction * 100)}%`.padStart(5)
  return bar(fraction, width - percent.length, fraction >= 1 ? 'green' : 'cyan', paint) + percent
}

interface Figure {
  label: string
  done: string
  rest: string
}

function figures({ collections, pairs, pairsPerSecond, secondsLeft }: View) {
  const total = (value: number | undefined) => (value === undefined ? '' : ` of ${count(value)}`)
  return {
    collections: {
      label: 'collections',
      done: count(collections.done),
      rest: total(collections.total),
    },
    pairs: { label: 'pairs', done: count(pairs.done), rest: total(pairs.total) },
    rate: { label: 'pairs/s', done: pairsPerSecond === undefined ? '–' : count(pairsPerSecond), rest: '' },
    left: { label: 'time left', done: secondsLeft === undefined ? '–' : duration(secondsLeft), rest: '' },
  }
}

/** Wide enough for the pairs of the whole network, so that growing numbers move nothing. */
const DONE_WIDTH = 10
const REST_WIDTH = 17

function figure({ label, done, rest }: Figure, labelWidth: number, paint: Paint): string {
  return `${paint('dim', label.padEnd(labelWidth))}${paint('bold', done.padStart(DONE_WIDTH))}${rest}`
}

function sideBySide(view: View, paint: Paint): string[] {
  const { collections, pairs, rate, left } = figures(view)
  const row = (one: Figure, other: Figure) =>
    figure({ ...one, rest: one.rest.padEnd(REST_WIDTH) }, 13, paint) + figure(other, 11, paint)
  return [row(collections, rate), row(pairs, left)]
}

function stacked(view: View, paint: Paint): string[] {
  return Object.values(figures(view)).map((each) => figure(each, 12, paint))
}

function walkLine(walk: Walk, width: number, narrow: boolean, paint: Paint): string {
  const { collection, imported, size, done } = walk
  const fraction = done ? 1 : size ? imported / size : 0
  const text = narrow ? `${Math.floor(fraction * 100)}%` : ofTotal(imported, size)
  const right = text.padStart(narrow ? 5 : 21)
  const nameWidth = Math.floor((width - right.length) * 0.6)
  const barWidth = width - right.length - nameWidth - 1
  return `${fit(collection, nameWidth)} ${bar(fraction, barWidth, done ? 'green' : 'cyan', paint)}${paint('dim', right)}`
}

function ofTotal(done: number, total: number | undefined): string {
  return total === undefined ? count(done) : `${count(done)} of ${count(total)}`
}

function faults({ requests, retries, failed, notice }: View, width: number, paint: Paint): string[] {
  const asked = plural(requests, 'request')
  const retried = retries === 0 ? '' : `, ${plural(retries, 'retry', 'retries')}`
  const failing = failed === 0 ? '' : `, ${plural(failed, 'collection')} failing`
  const line = fit(asked + retried + failing, width).trimEnd()
  const tone = failed > 0 ? 'red' : retries > 0 ? 'yellow' : 'dim'
  return [paint(tone, line), ...(notice === undefined ? [] : [paint('yellow', fit(notice, width).trimEnd())])]
}

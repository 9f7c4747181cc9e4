import { duration, shortCount } from '../../../../util/format.ts'
import type { AdminSample } from '../../wire-types.ts'
import type { Freshness } from './freshness.ts'
import { roughly } from './page-format.ts'

export interface Point {
  /** In milliseconds since 1970. */
  readonly at: number
  readonly value: number
}

/** A point is the mean of this time up to it, as the speed beside the curve is: pages come in bursts. */
const MEAN_MS = 10_000

/** The points of the curve, one for each sample. */
export function pointsOf(samples: readonly AdminSample[]): readonly Point[] {
  let first = 0
  let sum = 0
  return samples.map(({ at, span_ms, pairs_per_second }, i) => {
    sum += pairs_per_second
    while ((i + 1 - first) * span_ms > Math.max(MEAN_MS, span_ms)) {
      sum -= samples[first]?.pairs_per_second ?? 0
      first += 1
    }
    return { at: Date.parse(at), value: Math.max(0, sum / (i + 1 - first)) }
  })
}

/** A curve in the coordinates of a drawing, y downwards. */
export interface Curve {
  /** The data of a path along the points. */
  readonly line: string
  /** The same, closed along the bottom. */
  readonly area: string
  /** The value at the upper edge, a round one. */
  readonly top: number
  /** What stands beside the lines that are drawn across. */
  readonly scale: readonly { readonly y: number; readonly label: string }[]
  /** What stands below: how long before the last point. */
  readonly times: readonly { readonly x: number; readonly label: string }[]
  /** The point that is nearest to a place from left to right. */
  nearest(x: number): { readonly x: number; readonly y: number; readonly point: Point } | undefined
}

/** How the last point is called, and what lies before it. */
export interface Words {
  readonly last: string
  readonly before: string
}

const WORDS: Record<Freshness, Words> = {
  live: { last: 'now', before: 'ago' },
  disconnected: { last: 'when last seen', before: 'before' },
  ended: { last: 'at the end', before: 'earlier' },
  idle: { last: 'at the end', before: 'earlier' },
}

export const wordsFor = (freshness: Freshness): Words => WORDS[freshness]

/** How long a point lies before the last one. */
export function momentOf(ms: number, { last, before }: Words): string {
  return ms < 1000 ? last : `${duration(ms)} ${before}`
}

export function curveOf(points: readonly Point[], width: number, height: number, words: Words): Curve {
  const top = roundUp(Math.max(0, ...points.map(({ value }) => value)))
  const start = points[0]?.at ?? 0
  const span = Math.max(1, (points.at(-1)?.at ?? 0) - start)
  const x = (at: number) => round(((at - start) / span) * width)
  const y = (value: number) => round(height - (value / top) * height)
  const corners = points.map(({ at, value }) => `${x(at)} ${y(value)}`)
  const line = corners.length < 2 ? '' : `M${corners.join('L')}`
  return {
    line,
    area: line === '' ? '' : `${line}V${height}H0Z`,
    top,
    scale: [1, 0.5].map((part) => ({ y: y(top * part), label: shortCount(top * part) })),
    times: [0, 0.5].map((part) => ({
      x: width * part,
      label: `${roughly(span * (1 - part))} ${words.before}`,
    })),
    nearest(place) {
      const wanted = start + (place / width) * span
      const point = nearestTo(points, wanted)
      return point && { x: x(point.at), y: y(point.value), point }
    },
  }
}

/** The curve in a sentence, for a screen reader. */
export function describeCurve(points: readonly Point[], words: Words): string {
  const last = points.at(-1)
  if (last === undefined || points.length < 2) return 'There is no curve before the backfill has run a while.'
  const peak = points.reduce((most, point) => (point.value > most.value ? point : most), last)
  const mean = points.reduce((sum, { value }) => sum + value, 0) / points.length
  const long = duration(last.at - (points[0]?.at ?? last.at))
  return (
    `DIDs per second over ${long}: ${shortCount(last.value)} ${words.last}, ${shortCount(mean)} on average, ` +
    `at most ${shortCount(peak.value)}, ${momentOf(last.at - peak.at, words)}.`
  )
}

/** At most this many points, at the same distances, for a table. */
export function thinned(points: readonly Point[], most: number): readonly Point[] {
  if (points.length <= most) return points
  const step = (points.length - 1) / (most - 1)
  return Array.from({ length: most }, (_, i) => points[Math.round(i * step)]).filter(
    (point) => point !== undefined,
  )
}

function nearestTo(points: readonly Point[], at: number): Point | undefined {
  let low = 0
  let high = points.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((points[middle]?.at ?? 0) < at) low = middle
    else high = middle
  }
  const [before, after] = [points[low], points[high]]
  if (before === undefined || after === undefined) return before ?? after
  return at - before.at < after.at - at ? before : after
}

/** The next round number whose half is round too. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 10)))
  const step = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8].find((each) => each * power >= value) ?? 10
  return step * power
}

const round = (value: number): number => Math.round(value * 10) / 10

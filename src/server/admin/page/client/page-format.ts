import { count } from '../../../../util/format.ts'

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** What stands where nothing is known. */
export const NOTHING = '–'

/** A speed: one digit after the point where it is slow. */
export function rate(value: number | null): string {
  if (value === null) return NOTHING
  return value > 0 && value < 10 ? value.toFixed(1) : count(value)
}

/** In the largest unit that fits: for the marks of an axis. */
export function roughly(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.round(seconds / 60)}m`
  if (seconds < 48 * 3600) return `${Math.round(seconds / 360) / 10}h`
  return `${Math.round(seconds / 86_400)}d`
}

/** The time of day, with the day where it is another one. */
export function timeOf(iso: string, now: Date = new Date()): string {
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return NOTHING
  const isToday = time.toDateString() === now.toDateString()
  return isToday ? clock.format(time) : `${day.format(time)}, ${clock.format(time)}`
}

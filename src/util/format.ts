import prettyMilliseconds from 'pretty-ms'

const whole = new Intl.NumberFormat('en-US')
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })

/** 61,000,000 */
export const count = (value: number): string => whole.format(Math.round(value))

/** Little room: 9,999, and then 61.2M. */
export function shortCount(value: number, exactBelow = 10_000): string {
  return value < exactBelow ? count(value) : compact.format(value)
}

/** 1 page, 2 pages */
export function plural(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** Rounded down, so that nothing is 100% before it is done; one digit more below 10%. */
export function percent(fraction: number): string {
  const value = Math.max(0, fraction) * 100
  return value > 0 && value < 10 ? `${(Math.floor(value * 10) / 10).toFixed(1)}%` : `${Math.floor(value)}%`
}

/** In its two largest units, from a second begun: 45s, 12m 5s, 3h 20m, 2d 4h. */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return seconds <= 0 ? '0s' : prettyMilliseconds(seconds * 1000, { unitCount: 2 })
}

/** A speed: one digit after the point where it is slow. */
export function rate(value: number): string {
  return value > 0 && value < 9.95 ? String(Math.round(value * 10) / 10) : count(value)
}

/** 8.8 GB, 12 MB. */
export function byteSize(bytes: number): string {
  const [unit, divisor] = bytes >= 1e9 ? ['GB', 1e9] : ['MB', 1e6]
  return `${rate(Math.max(bytes / Number(divisor), 0.1))} ${unit}`
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** The time of day where the reader is, with the day where it is another one than today: 11:09:10; 3 Nov, 11:09:10. */
export function timeOf(time: Date, now: Date = new Date()): string {
  const isToday = time.toDateString() === now.toDateString()
  return isToday ? clock.format(time) : `${day.format(time)}, ${clock.format(time)}`
}

/** The same without seconds, for what is not known so exactly. */
export function minuteOf(time: Date, now: Date = new Date()): string {
  return timeOf(time, now).replace(/:\d\d$/, '')
}

const whole = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** What stands where nothing is known. */
export const NOTHING = '–'

export const count = (value: number): string => whole.format(Math.round(value))

export const shortCount = (value: number): string =>
  Math.abs(value) < 10_000 ? count(value) : compact.format(value)

export function plural(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** A speed: one digit after the point where it is slow. */
export function rate(value: number | null): string {
  if (value === null) return NOTHING
  return value > 0 && value < 10 ? value.toFixed(1) : count(value)
}

/** At most two units: 45 s, 12 min 5 s, 3 h 20 min, 2 d 4 h. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's')
  const minutes = Math.ceil(seconds / 60)
  if (minutes < 48 * 60) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
  const hours = Math.ceil(minutes / 60)
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

/** In the largest unit that fits: for the marks of an axis. */
export function roughly(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.round(seconds / 360) / 10} h`
  return `${Math.round(seconds / 86_400)} d`
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}

/** Rounded down, so that 100% is said of nothing that is not done. */
export function percent(fraction: number): string {
  const value = Math.max(0, fraction) * 100
  return value > 0 && value < 10 ? `${(Math.floor(value * 10) / 10).toFixed(1)}%` : `${Math.floor(value)}%`
}

/** The time of day, with the day where it is another one. */
export function timeOf(iso: string, now: Date = new Date()): string {
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return NOTHING
  const isToday = time.toDateString() === now.toDateString()
  return isToday ? clock.format(time) : `${day.format(time)}, ${clock.format(time)}`
}

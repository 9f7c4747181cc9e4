import { minuteOf, rate, timeOf } from '../../../../util/format.ts'

/** What stands where nothing is known. */
export const NOTHING = '–'

export function rateText(value: number | null): string {
  return value === null ? NOTHING : rate(value)
}

/** In the largest unit that fits: for the marks of an axis. */
export function roughly(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.round(seconds / 60)}m`
  if (seconds < 48 * 3600) return `${Math.round(seconds / 360) / 10}h`
  return `${Math.round(seconds / 86_400)}d`
}

/** A time from the wire, as the reader's clock has it. */
export const timeText = (iso: string): string => textOf(iso, timeOf)

export const minuteText = (iso: string): string => textOf(iso, minuteOf)

function textOf(iso: string, format: (time: Date) => string): string {
  const time = new Date(iso)
  return Number.isNaN(time.getTime()) ? NOTHING : format(time)
}

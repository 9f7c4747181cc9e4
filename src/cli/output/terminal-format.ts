import { styleText } from 'node:util'

const numbers = new Intl.NumberFormat('en-US')
const compact = new Intl.NumberFormat('en-US', {
  notation: 'compact',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
})

export const count = (value: number): string => numbers.format(Math.round(value))

/** In few columns: 999,999 and then 1.0M. */
export function shortCount(value: number, exactBelow: number): string {
  return value < exactBelow ? count(value) : compact.format(value)
}

export function plural(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`
}

/** In few columns: 59m 59s. */
export function shortDuration(ms: number): string {
  return duration(ms).replaceAll(/ (s|d|h|min)/g, (_, unit: string) => unit.slice(0, 1))
}

export type Tone = 'cyan' | 'green' | 'yellow' | 'red' | 'dim' | 'bold'

/** Paints text, or leaves it as it is. */
export type Paint = (tone: Tone, text: string) => string

export function painter(color: boolean): Paint {
  return (tone, text) => (color && text !== '' ? styleText(tone, text, { validateStream: false }) : text)
}

export function bar(fraction: number, width: number, tone: Tone, paint: Paint): string {
  const halves = Math.floor(Math.min(1, Math.max(0, fraction)) * width * 2)
  const filled = '━'.repeat(halves >> 1) + (halves % 2 === 1 ? '╸' : '')
  return paint(tone, filled) + paint('dim', '─'.repeat(width - filled.length))
}

export function percent(fraction: number): string {
  return `${Math.floor(fraction * 100)}%`
}

/** So many of how many, where that is known. */
export function ofTotal(done: number, total: number | undefined): string {
  return total === undefined ? count(done) : `${count(done)} of ${count(total)}`
}

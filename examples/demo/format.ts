import { styleText } from 'node:util'

const numbers = new Intl.NumberFormat('en-US')

export const count = (value: number): string => numbers.format(Math.round(value))

export function plural(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

export function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** Cut to `width` with an ellipsis, or filled up with spaces. */
export function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text.padEnd(width)
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

import { styleText } from 'node:util'
import type { TimeLeft } from '../../monitor/snapshot.ts'
import { count, duration, plural } from '../../util/format.ts'

export type Tone = 'cyan' | 'green' | 'yellow' | 'red' | 'dim' | 'bold'

/** Paints text, or leaves it as it is. */
export type Paint = (tone: Tone, text: string) => string

export function painter(color: boolean): Paint {
  return (tone, text) => (color && text !== '' ? styleText(tone, text, { validateStream: false }) : text)
}

/** Dots where it is not known how much is done. */
export function bar(fraction: number | undefined, width: number, tone: Tone, paint: Paint): string {
  if (fraction === undefined) return paint('dim', '┄'.repeat(width))
  const halves = Math.floor(Math.min(1, Math.max(0, fraction)) * width * 2)
  const filled = '━'.repeat(halves >> 1) + (halves % 2 === 1 ? '╸' : '')
  return paint(tone, filled) + paint('dim', '─'.repeat(width - filled.length))
}

/** 3 of 12, or 3 where the total is not known. */
export function ofTotal(done: number, total: number | undefined): string {
  return total === undefined ? count(done) : `${count(done)} of ${count(total)}`
}

/** 1 request/s, 25 requests/s; nothing where that is not known. */
export function perSecond(value: number | undefined, one: string): string {
  return value === undefined ? '' : `${plural(Math.round(value), one)}/s`
}

/** 2h 5m left, at least 40s left; nothing where that is not known. */
export function leftText(timeLeft: TimeLeft | undefined): string {
  if (timeLeft === undefined) return ''
  return `${timeLeft.atLeast ? 'at least ' : ''}${duration(timeLeft.ms)} left`
}

import { styleText } from 'node:util'
import { count } from '../../util/format.ts'

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

/** 3 of 12, or 3 where the total is not known. */
export function ofTotal(done: number, total: number | undefined): string {
  return total === undefined ? count(done) : `${count(done)} of ${count(total)}`
}

import { createInterface } from 'node:readline'
import { abortable } from '../util/abort.ts'
import type { Context } from './context.ts'
import { isTerminal } from './output/screen.ts'

/** Whether there is a person to ask: keys are read from a terminal, and what is written shows on one. */
export function canAsk({ input, out, env }: Context): boolean {
  return input?.isTTY === true && isTerminal(out, env)
}

/**
 * Asks, and waits for a line. Anything but a yes is a no, and so is the end of the input.
 *
 * @throws the signal's reason when the user interrupts instead
 */
export async function isConfirmed(question: string, { input, out, interruption }: Context): Promise<boolean> {
  if (input === undefined) return false
  out.write(`${question} [y/N] `)
  // The terminal's own line editing, so that Ctrl-C is a signal as everywhere else.
  const lines = createInterface({ input, terminal: false })
  try {
    const answer = await abortable(firstOf(lines), interruption.signal)
    return /^\s*y(es)?\s*$/i.test(answer)
  } finally {
    lines.close()
  }
}

async function firstOf(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) return line
  return ''
}

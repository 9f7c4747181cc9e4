import { Help } from 'commander'

/** As wide as the smallest usual terminal. */
const WIDTH = 80
const INDENT = ' '.repeat(6)

/**
 * What the help of a command ends with. Sentences are broken at the width, and the commands of the examples before an
 * option, so that a shell takes them.
 */
export function helpText(text: string): string {
  const help = new Help()
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith('  ') ? brokenCommand(line) : help.boxWrap(line, WIDTH)))
    .join('\n')
}

function brokenCommand(line: string): string[] {
  const at = line.lastIndexOf(' --', WIDTH - 2)
  if (line.length <= WIDTH || at < INDENT.length) return [line]
  return [`${line.slice(0, at)} \\`, ...brokenCommand(INDENT + line.slice(at + 1))]
}

/** 128 and the number of the signal; 141 when what reads the output has gone. */
export const SIGNAL_CODES = '130 interrupted by Ctrl-C, 129 SIGHUP, 141 a closed pipe, 143 SIGTERM'

/** Of commands that only look, or change what is registered. */
export const READ_CODES: string = `Exit codes: 0 done, 1 failed, 2 wrong usage or a name that is not registered, ${SIGNAL_CODES}.`

export const EXIT_CODES: string = `Exit codes: 0 complete, 1 incomplete or failed, 2 wrong usage, ${SIGNAL_CODES}.`

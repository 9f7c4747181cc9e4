import { createInterface } from 'node:readline'
import { BackfillError } from '../../src/index.ts'

export const codeOf = (error: unknown): string => (error instanceof BackfillError ? error.code : 'UNEXPECTED')

/** How a process says what happens: a line of JSON on stdout. On a pipe, writing is synchronous: nothing is lost. */
export function sayLine(line: object): void {
  console.log(JSON.stringify(line))
}

/**
 * The main part of a process whose options are in the first line of stdin. It ends with 0 when its work is done, and with
 * stdin, so that it never outlives the process that started it.
 *
 * @param onError says why it is not done
 */
export function runChild<Options>(
  work: (options: Options) => Promise<void>,
  onError: (error: unknown) => void,
): void {
  const input = createInterface({ input: process.stdin })
  input.once('line', async (line) => {
    try {
      await work(JSON.parse(line) as Options)
    } catch (error) {
      onError(error)
      process.exitCode = 1
    }
    process.stdin.destroy()
  })
  process.stdin.once('end', () => process.exit(1))
}

import { InvalidOptionError } from '../errors.ts'

/** The longest delay that a timer can hold, in milliseconds, some 24 days; a longer one would fire at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1

/** @throws InvalidOptionError when the value is no whole number from `min` to `max` */
export function wholeNumber(
  option: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  const expected = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw new InvalidOptionError(option, `a whole number ${expected}`, value)
}

/** @throws InvalidOptionError when the value is no object with that method: for a contract that a caller fulfils */
export function mustHave(option: string, value: unknown, method: string, expected: string): void {
  const found = typeof value === 'object' && value !== null && method in value
  if (!found) throw new InvalidOptionError(option, expected, value)
}

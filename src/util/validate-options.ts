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

/** Every option of a function, as an object, so that one which is missing here is a type error. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>

/**
 * Refuses an option that does not exist: a misspelt one would be ignored in silence.
 *
 * @param within the option that holds these, such as `retry`
 * @param meant names that are likely to be tried, and the option that serves
 * @throws InvalidOptionError
 */
export function refuseUnknown<Options extends object>(
  given: Options,
  names: OptionNames<Options>,
  { within, meant = {} }: { within?: string; meant?: Readonly<Record<string, keyof Options & string>> } = {},
): void {
  if (typeof given !== 'object' || given === null)
    throw new InvalidOptionError(within ?? 'options', 'an object', given)
  const known = Object.keys(names)
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(names, name))
  if (unknown === undefined) return
  const full = (name: string) => (within === undefined ? name : `${within}.${name}`)
  const nearest = Object.hasOwn(meant, unknown) ? meant[unknown] : nearestOf(unknown, known)
  throw InvalidOptionError.unknown(
    full(unknown),
    nearest === undefined
      ? `the options are ${known.map(full).join(', ')}`
      : `did you mean ${full(nearest)}?`,
  )
}

/** The name that a slip of the pen turns into this one: with no more than a third of its letters, or two, to change. */
function nearestOf(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => distance(name.toLowerCase(), candidate.toLowerCase()))
  const least = Math.min(...distances)
  return least <= Math.max(2, name.length / 3) ? known[distances.indexOf(least)] : undefined
}

/** The edit distance of Levenshtein: letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

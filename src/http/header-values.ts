/**
 * The parts of a header that came more than once, or lists several values: a `Headers` joins them with commas. The
 * comma of a date, `Sat, 01 Aug 2026`, and those between quotation marks separate nothing.
 */
export function headerValues(value: string | null): string[] {
  const parts = value?.match(/(?:"(?:[^"\\]|\\.)*"|,(?=\s*\d{1,2}[ -][A-Za-z]{3}[ -])|[^,])+/g) ?? []
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

/** The longest wait of several, in milliseconds. `undefined` when none of them is known. */
export function longestOf(waits: Iterable<number | undefined>): number | undefined {
  const known = [...waits].filter((wait) => wait !== undefined)
  return known.length === 0 ? undefined : known.reduce((longest, wait) => Math.max(longest, wait))
}

/**
 * The most that is read of a number of seconds: 31,000 years, so that a time computed from it is still a valid `Date`.
 */
const MOST_SECONDS = 1_000_000_000_000

/** A whole number of seconds, or a fraction, which is rounded up: no wait becomes shorter. */
export function parseSeconds(value: string): number | undefined {
  return /^\d+(?:\.\d+)?$/.test(value) ? Math.min(Math.ceil(Number(value)), MOST_SECONDS) : undefined
}

/** The three forms of RFC 9110, 5.6.7. `Date.parse` alone takes almost anything, "soon 1" included. */
export function parseHttpDate(value: string): number | undefined {
  if (!/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d{2}:\d{2}:\d{2}/.test(value)) return undefined
  // The asctime form names no zone and means GMT.
  const time = Date.parse(value.endsWith(' GMT') ? value : `${value} GMT`)
  return Number.isNaN(time) ? undefined : time
}

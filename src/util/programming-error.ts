import isNetworkError from 'is-network-error'

/**
 * Whether an error is a mistake in a program, so that trying again is useless: a TypeError, ReferenceError, SyntaxError
 * or RangeError. Not those that platforms throw for something else: `fetch` tells of a broken network by a TypeError,
 * and `JSON.parse` of an answer that is no JSON by a SyntaxError.
 */
export function isProgrammingError(error: unknown): boolean {
  if (error instanceof TypeError) return !isNetworkError(error)
  // Each engine's own words: "… is not valid JSON", "Unexpected end of JSON input", "JSON Parse error", "JSON.parse:
  // …".
  if (error instanceof SyntaxError) return !error.message.includes('JSON')
  return error instanceof ReferenceError || error instanceof RangeError
}

/**
 * The most values that are parsed of one body. Each costs V8 up to 180 bytes (measured: an object in an object, each
 * with a key of its own), so the parsed body takes 35 MB at most. A page of 10,000 repos has 20,000; 100,000 repos, all
 * on one page, would still pass.
 */
export const MOST_VALUES = 200_000

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, OPEN_OBJECT] = Array.from('"\\,[{', (mark) => mark.charCodeAt(0))

/**
 * Whether a JSON text holds more values than are worth parsing: a body of millions of `{}` is small on the wire and takes
 * hundreds of megabytes once it is parsed. It is told by the text alone: each value but the outermost comes after a
 * comma or an opening bracket.
 *
 * An ordinary page costs nothing, for it is shorter than the number that is allowed.
 */
export function hasTooManyValues(json: string): boolean {
  if (json.length <= MOST_VALUES) return false
  let values = 0
  for (let at = 0; at < json.length; at += 1) {
    const mark = json.charCodeAt(at)
    if (mark === QUOTE) at = endOfString(json, at)
    else if (mark === COMMA || mark === OPEN_LIST || mark === OPEN_OBJECT) values += 1
    if (values > MOST_VALUES) return true
  }
  return false
}

/** Where the string that begins at `start` is closed; the end of the text if it is not. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let escapes = 0
    while (json.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes += 1
    if (escapes % 2 === 0) return at
  }
  return json.length
}

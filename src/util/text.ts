/** Controls, marks that turn the direction of what follows, halves of characters, and line ends of other alphabets. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Text from elsewhere in one line that is shown and never obeyed, by a terminal or by a browser: names and messages
 * come from servers, and from databases that others write to.
 */
export function printable(text: string): string {
  return text.replace(/\s+/g, ' ').replace(UNPRINTABLE, '\ufffd').trim()
}

/**
 * The most that is kept of what a server says, in characters: it goes into messages, logs and the progress
 * store.
 */
const MOST_KEPT = 500

/**
 * Text from elsewhere in one line of bounded length, to be kept: a database would refuse halves of characters and some
 * controls. Before it is shown it has to be made {@link printable} too.
 */
export function oneLine(text: string, maxLength: number = MOST_KEPT): string {
  const line = copied(text.slice(0, 4 * maxLength))
    .replace(/[\s\p{Cc}\p{Cs}]+/gu, ' ')
    .trim()
  return line.length > maxLength ? `${line.slice(0, maxLength - 1).replace(/\p{Cs}$/u, '')}…` : line
}

/** An error as the rows of a progress store keep it: {@link ReleaseOutcome}. Some databases have no NUL in their text. */
export function keptError(error: string): string {
  return error.replaceAll('\0', '').slice(0, MOST_KEPT)
}

/**
 * A piece of a text that does not keep the whole text in memory, as V8's slices do. For short ones that are kept.
 */
export function copied(piece: string): string {
  return Array.from(piece).join('')
}

/** A message without the name that it is shown beside: nothing is said twice. */
export function withoutName(message: string, name: string): string {
  // A relay is named by its origin where that is not https, and errors name its host.
  const host = name.replace(/^https?:\/\//, '')
  if (host === '') return message
  const rest = message.startsWith(host) ? message.slice(host.length) : ''
  const begun = /^[\s:]+\S/.test(rest) ? rest.replace(/^[\s:]+/, '') : message
  return begun.replace(` for ${name}`, '')
}

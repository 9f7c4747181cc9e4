import stringWidth from 'string-width'
import wrapAnsi from 'wrap-ansi'

/** How many columns of a terminal it takes: some characters take two, some none. */
export function widthOf(text: string): number {
  return stringWidth(text)
}

/** Cut to `width` columns with an ellipsis, or filled up with spaces. */
export function fit(text: string, width: number): string {
  const cut = widthOf(text) > width ? `${firstColumns(text, width - 1)}…` : text
  return cut + ' '.repeat(Math.max(0, width - widthOf(cut)))
}

/** Broken into lines of at most `width` columns between its words, and inside of a word that is longer. */
export function wrap(text: string, width: number): string[] {
  return wrapAnsi(text, width, { hard: true }).split('\n')
}

/** What fills a line, in the middle of a word or not. */
function firstColumns(text: string, columns: number): string {
  return wrapAnsi(text, columns, { hard: true, wordWrap: false, trim: false }).split('\n', 1)[0] ?? ''
}

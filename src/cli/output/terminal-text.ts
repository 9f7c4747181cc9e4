import stringWidth from 'string-width'

/** Controls, marks that turn the direction of what follows, halves of characters, and line ends of other alphabets. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * Text from elsewhere in one line that a terminal shows and never obeys: names and messages come from servers and from
 * databases that others write to.
 */
export function printable(text: string): string {
  return text.replace(/\s+/g, ' ').replace(UNPRINTABLE, '�').trim()
}

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
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`
    if (widthOf(joined) <= width) {
      line = joined
      continue
    }
    if (line !== '') lines.push(line)
    line = word
    for (let head = firstColumns(line, width); head !== line; head = firstColumns(line, width)) {
      lines.push(head)
      line = line.slice(head.length)
    }
  }
  return [...lines, line]
}

/** The longest beginning that takes no more columns; at least one character, so that a loop over it ends. */
function firstColumns(text: string, columns: number): string {
  let taken = ''
  let width = 0
  for (const { segment } of graphemes.segment(text)) {
    width += widthOf(segment)
    if (width > columns && taken !== '') break
    taken += segment
    if (width > columns) break
  }
  return taken
}

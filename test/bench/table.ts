/** One line of a table, the same number of cells in each. */
export type Row = readonly string[]

/** What one benchmark found. */
export interface Section {
  readonly name: string
  /** How it was measured, in a sentence or two. */
  readonly setup: string
  readonly head: Row
  readonly rows: readonly Row[]
  /** What of the index was not as the relay served it; empty when all of it was. */
  readonly problems: readonly string[]
}

/** Columns aligned, as Markdown and as text for a terminal alike. */
export function tableLines(head: Row, rows: readonly Row[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: Row) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
}

/** The middle value; of an even number, the mean of the two in the middle. @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const low = sorted[(sorted.length - 1) >> 1]
  const high = sorted[sorted.length >> 1]
  if (low === undefined || high === undefined) throw new RangeError('There is no median of no values.')
  return (low + high) / 2
}

/** The smallest and the largest value. */
export function spread(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`
}

/** Whether a measured value keeps to its goal. */
export function verdictOf(met: boolean): string {
  return met ? 'met' : 'not met'
}

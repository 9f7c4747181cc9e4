/** One line of a table, the same number of cells in each. */
export type Row = readonly string[]

export interface Table {
  readonly head: Row
  readonly rows: readonly Row[]
}

/** Something to reach, and what was reached. */
export interface Goal {
  readonly measure: string
  /** `>= 12` */
  readonly goal: string
  readonly measured: string
  readonly met: boolean
}

/** What one benchmark found. */
export interface Section {
  readonly name: string
  /** How it was measured, and what is to be said about the figures: paragraphs. */
  readonly setup: readonly string[]
  readonly goals: readonly Goal[]
  readonly tables: readonly Table[]
  /** What of the index was not as the relay served it; empty when all of it was. */
  readonly problems: readonly string[]
  /** What is said when there are none, by a benchmark that keeps no index. @default that it was as the relay served it */
  readonly allRight?: string
}

export function atLeast(measure: string, measured: number, goal: number, digits = 2): Goal {
  return { measure, goal: `>= ${goal}`, measured: measured.toFixed(digits), met: measured >= goal }
}

export function atMost(measure: string, measured: number, goal: number, digits = 2): Goal {
  return { measure, goal: `<= ${goal}`, measured: measured.toFixed(digits), met: measured <= goal }
}

/** The goals as a table, in the order given. */
export function goalTable(goals: readonly Goal[]): Table {
  const head = ['measure', 'goal', 'measured', '']
  return {
    head,
    rows: goals.map(({ measure, goal, measured, met }) => [measure, goal, measured, met ? 'met' : 'not met']),
  }
}

/** Columns aligned, as Markdown and as text for a terminal alike. */
export function tableLines({ head, rows }: Table): string[] {
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

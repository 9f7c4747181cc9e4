import type { Screen } from './screen.ts'
import { fit } from './terminal-text.ts'

const MAX_WIDTH = 120
const CELL_WIDTH = 13
/** With less room, a name has a line of its own. */
const LEAST_NAME = 24

/** A row of a table: a name, and figures that stand to the right, below those of the rows above. */
export function columnLines(
  name: string,
  cells: readonly string[],
  { columns }: Pick<Screen, 'columns'>,
): string[] {
  const width = Math.min(columns - 1, MAX_WIDTH) - 2
  const figures = cells.map((cell) => cell.padStart(CELL_WIDTH)).join('')
  const room = width - figures.length
  if (room >= LEAST_NAME) return [`  ${fit(name, room)}${figures}`.trimEnd()]
  return [`  ${fit(name, width).trimEnd()}`, `  ${figures.trimEnd()}`]
}

/** @returns a letter for each relay: columns have no room for their names */
export function letterOf(place: number): string {
  return place < 26 ? String.fromCharCode(65 + place) : String(place + 1)
}

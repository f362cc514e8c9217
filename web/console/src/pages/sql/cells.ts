// Cells of an answer as text, and how wide their columns are.
import type { Cell, Column } from './answer'

export const cellText = (cell: Cell): string => (cell === null || cell === undefined ? 'null' : typeof cell === 'string' ? cell : typeof cell === 'object' ? JSON.stringify(cell) : String(cell))

/** Whether a cell leads to a trace. */
export const isTraceId = ({ name }: Column, cell: Cell) => name.endsWith('trace_id') && typeof cell === 'string' && /^[0-9a-f]{32}$/.test(cell)

const LOOKED_AT = 200
const [LEAST, MOST] = [6, 60]

/** Returns the widths of columns for a grid, by what stands in the first rows. */
export function widthsOf(columns: Column[], rows: Cell[][]): string {
  return columns
    .map(({ name }, place) => {
      const widest = rows.slice(0, LOOKED_AT).reduce((most, row) => Math.max(most, cellText(row[place]).length), name.length + 2)
      const width = Math.min(MOST, Math.max(LEAST, widest))
      // The last column takes what is left.
      return place === columns.length - 1 ? `minmax(${width}ch, 1fr)` : `${width}ch`
    })
    .join(' ')
}

/** Returns the places of rows in the order of a column; nulls come last. */
export function inOrder(rows: Cell[][], sorted: { column: number; isDescending: boolean } | null, columns: Column[]): number[] {
  const places = rows.map((_, place) => place)
  if (sorted === null) return places
  const { column, isDescending } = sorted
  const isNumber = columns[column]?.number ?? false
  const sign = isDescending ? -1 : 1
  return places.sort((a, b) => {
    const [first, second] = [rows[a]![column], rows[b]![column]]
    if (first === null || second === null) return first === second ? a - b : first === null ? 1 : -1
    const order = isNumber ? Number(first) - Number(second) : compared(cellText(first), cellText(second))
    return order === 0 ? a - b : sign * order
  })
}

const compared = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

// The cells of a heat-map: which one is where, what a box has in it.
import type { Heatmap } from '../../data/traces'
import type { Box } from './trace-query'

/** Columns and rows, both ends included. */
export interface CellRange {
  column: number
  lastColumn: number
  row: number
  lastRow: number
}

export const rowsOf = (heatmap: Heatmap) => Math.max(0, heatmap.row_bounds_ns.length - 1)

/** Returns the box of some cells. */
export function boxOf(heatmap: Heatmap, cells: CellRange): Box {
  const start = BigInt(heatmap.start_ns)
  const width = BigInt(heatmap.column_ns)
  const end = start + width * BigInt(cells.lastColumn + 1)
  return {
    start: start + width * BigInt(cells.column),
    end: end < BigInt(heatmap.end_ns) ? end : BigInt(heatmap.end_ns),
    min: heatmap.row_bounds_ns[cells.row]!,
    max: heatmap.row_bounds_ns[cells.lastRow + 1]! - 1,
  }
}

/** Returns where a box is, in columns and rows with fractions: bounds move when time goes on. */
export function placeOf(heatmap: Heatmap, box: Box) {
  const column = (ns: bigint) => Number(ns - BigInt(heatmap.start_ns)) / heatmap.column_ns
  const bounds = heatmap.row_bounds_ns
  const row = (ns: number) => {
    const above = bounds.findIndex((bound) => bound > ns)
    if (above === 0) return 0
    if (above < 0) return rowsOf(heatmap)
    return above - 1 + Math.log(ns / bounds[above - 1]!) / Math.log(bounds[above]! / bounds[above - 1]!)
  }
  return { left: column(box.start), right: column(box.end), bottom: row(Math.max(1, box.min)), top: row(box.max + 1) }
}

/** Returns how many spans are in a box, and how many of them failed; only about so many, unless the box was drawn on these very columns. */
export function countIn(heatmap: Heatmap, box: Box): { count: number; errors: number; isExact: boolean } {
  const place = placeOf(heatmap, box)
  const { column, row, count, errors } = heatmap.cells
  const isExact = (box.start - BigInt(heatmap.start_ns)) % BigInt(heatmap.column_ns) === 0n
  const sums = { count: 0, errors: 0, isExact }
  for (let cell = 0; cell < column.length; cell++) {
    const [x, y] = [column[cell]! + 0.5, row[cell]! + 0.5]
    if (x < place.left || x > place.right || y < place.bottom || y > place.top) continue
    sums.count += count[cell]!
    sums.errors += errors[cell]!
  }
  return sums
}

/** Returns the step of the scale that a count has, 1 to 8: by its logarithm. */
export function heatOf(count: number, most: number): number {
  if (most <= 1) return 8
  return 1 + Math.round((Math.log(count) / Math.log(most)) * 7)
}

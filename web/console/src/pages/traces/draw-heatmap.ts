// The picture of a heat-map.
import { msOf, type Heatmap } from '../../data/traces'
import { clock, duration } from '../../format'
import type { Drawing } from '../trace/canvas'
import { type CellRange, heatOf, placeOf, rowsOf } from './heat-cells'
import type { Box } from './trace-query'

export const HEIGHT = 232
/** Room for the axes. */
export const LEFT = 58
export const BOTTOM = 20

interface Over {
  box: Box | null
  /** What is being drawn. */
  drawn: CellRange | null
  cursor: { column: number; row: number } | null
}

export function drawHeatmap(drawing: Drawing, heatmap: Heatmap, over: Over) {
  const { context, width } = drawing
  const rows = rowsOf(heatmap)
  const [cellWidth, cellHeight] = [(width - LEFT) / heatmap.columns, (HEIGHT - BOTTOM) / Math.max(1, rows)]
  const x = (column: number) => LEFT + column * cellWidth
  const y = (row: number) => HEIGHT - BOTTOM - row * cellHeight
  context.clearRect(0, 0, width, HEIGHT)
  context.fillStyle = drawing.colour('var(--sunk)')
  context.fillRect(LEFT, 0, width - LEFT, HEIGHT - BOTTOM)
  drawAxes(drawing, heatmap, x, y)
  drawCells(drawing, heatmap, { x, y, cellWidth, cellHeight })
  drawOver(drawing, heatmap, over, { x, y, cellWidth, cellHeight })
}

interface Geometry {
  x: (column: number) => number
  y: (row: number) => number
  cellWidth: number
  cellHeight: number
}

function drawCells({ context, colour }: Drawing, heatmap: Heatmap, { x, y, cellWidth, cellHeight }: Geometry) {
  const { column, row, count, errors } = heatmap.cells
  const heat = Array.from({ length: 8 }, (_, step) => colour(`var(--heat-${step + 1})`))
  const [bad, sheet] = [colour('var(--bad)'), colour('var(--sheet)')]
  const gap = cellWidth > 5 && cellHeight > 4 ? 1 : 0
  for (let cell = 0; cell < column.length; cell++) {
    const [left, top] = [x(column[cell]!), y(row[cell]! + 1)]
    context.fillStyle = heat[heatOf(count[cell]!, heatmap.max_count) - 1]!
    context.fillRect(left, top, Math.max(1, cellWidth - gap), Math.max(1, cellHeight - gap))
  }
  for (let cell = 0; cell < column.length; cell++) {
    if (errors[cell] === 0) continue
    const [left, top] = [x(column[cell]!), y(row[cell]! + 1)]
    // A mark within the cell, the larger the more of its spans failed.
    const size = Math.max(4, Math.min(cellWidth, cellHeight) * (0.4 + 0.6 * (errors[cell]! / count[cell]!)))
    const [middleX, middleY] = [left + (cellWidth - gap) / 2, top + (cellHeight - gap) / 2]
    context.beginPath()
    context.arc(middleX, middleY, size / 2, 0, 2 * Math.PI)
    context.fillStyle = bad
    context.fill()
    context.strokeStyle = sheet
    context.lineWidth = 1
    context.stroke()
  }
}

function drawAxes({ context, width, colour }: Drawing, heatmap: Heatmap, x: Geometry['x'], y: Geometry['y']) {
  const rows = rowsOf(heatmap)
  context.font = '11px "Inter Variable", sans-serif'
  context.textBaseline = 'middle'
  context.textAlign = 'end'
  const every = Math.max(1, Math.ceil(rows / 8))
  for (let row = 0; row <= rows; row += every) {
    const at = Math.max(7, Math.min(HEIGHT - BOTTOM - 6, y(row)))
    context.fillStyle = colour('var(--ink-2)')
    context.fillText(duration(heatmap.row_bounds_ns[row]!), LEFT - 6, at)
    context.fillStyle = colour('var(--line)')
    context.fillRect(LEFT, Math.round(y(row)), width - LEFT, 1)
  }
  context.fillStyle = colour('var(--ink-2)')
  context.textAlign = 'start'
  const columns = Math.ceil(90 / ((width - LEFT) / heatmap.columns))
  for (let column = 0; column < heatmap.columns - columns / 2; column += columns) {
    const time = msOf(heatmap.start_ns) + (column * heatmap.column_ns) / 1e6
    context.fillText(clock(time, { fraction: false }), x(column), HEIGHT - BOTTOM / 2 + 1)
  }
}

function drawOver({ context, colour }: Drawing, heatmap: Heatmap, { box, drawn, cursor }: Over, { x, y, cellWidth, cellHeight }: Geometry) {
  const frame = (left: number, top: number, right: number, bottom: number) => {
    context.fillStyle = colour('var(--glass)')
    context.globalAlpha = 0.14
    context.fillRect(left, top, right - left, bottom - top)
    context.globalAlpha = 1
    context.strokeStyle = colour('var(--ink)')
    context.lineWidth = 1.5
    context.strokeRect(left, top, right - left, bottom - top)
  }
  const clampX = (at: number) => Math.max(LEFT, Math.min(x(heatmap.columns), at))
  if (drawn !== null) frame(x(drawn.column), y(drawn.lastRow + 1), x(drawn.lastColumn + 1), y(drawn.row))
  else if (box !== null) {
    const place = placeOf(heatmap, box)
    if (place.right > 0 && place.left < heatmap.columns) frame(clampX(x(place.left)), y(place.top), clampX(x(place.right)), y(place.bottom))
  }
  if (cursor === null || drawn !== null) return
  context.strokeStyle = colour('var(--ink)')
  context.lineWidth = 1
  context.strokeRect(x(cursor.column), y(cursor.row + 1), Math.max(2, cellWidth), Math.max(2, cellHeight))
}

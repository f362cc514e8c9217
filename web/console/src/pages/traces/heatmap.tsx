// Spans by time and duration: as a picture, where a box is drawn with the pointer or with Shift and arrows, and as a table for who cannot see it.
import { type CSSProperties, type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from 'react'
import { msOf, type Heatmap as HeatmapAnswer } from '../../data/traces'
import { clock, duration, short } from '../../format'
import { useCanvas } from '../trace/canvas'
import { drawHeatmap, HEIGHT, LEFT, BOTTOM } from './draw-heatmap'
import { boxOf, type CellRange, heatOf, rowsOf } from './heat-cells'
import { HeatTable } from './heat-table'
import { type Box, boxText } from './trace-query'
import styles from './traces.module.css'

interface HeatmapProps {
  heatmap: HeatmapAnswer
  box: Box | null
  /** A box as the address has it; undefined removes it. */
  onBox: (text: string | undefined) => void
}

interface Cursor {
  column: number
  row: number
  /** Where a box was begun. */
  anchor: { column: number; row: number } | null
}

const rangeOf = ({ column, row, anchor }: Cursor): CellRange => ({
  column: Math.min(column, anchor?.column ?? column),
  lastColumn: Math.max(column, anchor?.column ?? column),
  row: Math.min(row, anchor?.row ?? row),
  lastRow: Math.max(row, anchor?.row ?? row),
})

export function Heatmap({ heatmap, box, onBox }: HeatmapProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [cursor, setCursor] = useState<Cursor | null>(null)
  const rows = rowsOf(heatmap)
  const drawn = cursor?.anchor ? rangeOf(cursor) : null
  useCanvas(canvas, HEIGHT, (drawing) => drawHeatmap(drawing, heatmap, { box, drawn, cursor }), [heatmap, box, cursor])
  const counts = useMemo(() => new Map(heatmap.cells.column.map((column, cell) => [column * rows + heatmap.cells.row[cell]!, cell])), [heatmap, rows])
  const cellAt = (event: PointerEvent<HTMLCanvasElement>) => {
    const bounds = event.currentTarget.getBoundingClientRect()
    const column = Math.floor(((event.clientX - bounds.left - LEFT) / (bounds.width - LEFT)) * heatmap.columns)
    const row = rows - 1 - Math.floor(((event.clientY - bounds.top) / (HEIGHT - BOTTOM)) * rows)
    return { column: Math.max(0, Math.min(heatmap.columns - 1, column)), row: Math.max(0, Math.min(rows - 1, row)) }
  }
  const finish = (range: CellRange) => onBox(boxText(boxOf(heatmap, range)))
  const key = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key]
    if (step) {
      const from = cursor ?? { column: heatmap.columns - 1, row: rows - 1, anchor: null }
      const anchor = event.shiftKey ? (from.anchor ?? { column: from.column, row: from.row }) : null
      setCursor({ column: Math.max(0, Math.min(heatmap.columns - 1, from.column + step[0]!)), row: Math.max(0, Math.min(rows - 1, from.row + step[1]!)), anchor })
    } else if (event.key === 'Enter' && cursor) {
      finish(rangeOf(cursor))
      setCursor({ ...cursor, anchor: null })
    } else if (event.key === 'Escape' && (cursor?.anchor || box)) {
      setCursor(cursor && { ...cursor, anchor: null })
      if (!cursor?.anchor) onBox(undefined)
    } else return
    event.preventDefault()
    event.stopPropagation()
  }
  const release = (event: PointerEvent<HTMLCanvasElement>) => {
    if (cursor?.anchor) finish(rangeOf({ ...cursor, ...cellAt(event) }))
    setCursor(null)
  }
  return (
    <figure className={styles.heatmap}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-roledescription="heat-map"
        aria-label={`${heatmap.spans.toLocaleString('en')} spans by time and duration, ${heatmap.errors.toLocaleString('en')} failed. Arrow keys go from cell to cell, with Shift they draw a box, Enter takes it, Escape removes it.`}
        style={{ '--height': `${HEIGHT}px` } as CSSProperties}
        onPointerDown={(event) => {
          if (event.button !== 0) return
          event.currentTarget.setPointerCapture(event.pointerId)
          const cell = cellAt(event)
          setCursor({ ...cell, anchor: cell })
        }}
        onPointerMove={(event) => {
          const [cell, isDown] = [cellAt(event), event.buttons === 1]
          setCursor((cursor) => ({ ...cell, anchor: isDown ? (cursor?.anchor ?? null) : null }))
        }}
        onPointerUp={release}
        onPointerLeave={(event) => !event.currentTarget.hasPointerCapture(event.pointerId) && setCursor(null)}
        onBlur={() => setCursor(null)}
        onKeyDown={key}
      />
      <figcaption className={styles.under} role="status">
        {cursor ? said(heatmap, cursor, counts.get(cursor.column * rows + cursor.row)) : ' '}
      </figcaption>
      <HeatTable heatmap={heatmap} />
    </figure>
  )
}

function said(heatmap: HeatmapAnswer, cursor: Cursor, cell: number | undefined): string {
  const start = msOf(heatmap.start_ns) + (cursor.column * heatmap.column_ns) / 1e6
  const took = `${duration(heatmap.row_bounds_ns[cursor.row]!)} – ${duration(heatmap.row_bounds_ns[cursor.row + 1]!)}`
  const count = cell === undefined ? 0 : heatmap.cells.count[cell]!
  const errors = cell === undefined ? 0 : heatmap.cells.errors[cell]!
  return `${clock(start, { fraction: false })}, ${took}: ${count.toLocaleString('en')} spans${errors > 0 ? `, ${errors} failed` : ''}`
}

export function HeatLegend({ heatmap }: { heatmap: HeatmapAnswer }) {
  if (heatmap.max_count === 0) return null
  return (
    <span className={styles.legend} aria-hidden="true">
      1
      <span className={styles.scale}>
        {Array.from({ length: 8 }, (_, step) => (
          <i key={step} style={{ '--heat': `var(--heat-${step + 1})` } as CSSProperties} data-on={heatOf(heatmap.max_count, heatmap.max_count) > step ? '' : undefined} />
        ))}
      </span>
      {short(heatmap.max_count)}
      {heatmap.errors > 0 && (
        <>
          <i className={styles.failed} /> failed
        </>
      )}
    </span>
  )
}

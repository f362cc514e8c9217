// Counts by time and value, on canvas. Who cannot see it reads a table; a drawn region becomes the time range.
import { type PointerEvent, useEffect, useRef, useState } from 'react'
import { resolved } from '../../../colour'
import { clock, duration, figures, moment } from '../../../format'
import { useTheme } from '../../../parts/time-chart'
import { setTime } from '../../../time'
import { part } from '../document'
import { type Heat, heatOfBuckets } from '../results'
import { type Format, written } from '../units'
import type { PanelData } from '../use-panel'
import styles from './panels.module.css'
import type { DrawProps } from './series'

const LEFT = 60
const BOTTOM = 20
const HEATS = 8
const MOST_TABLE_ROWS = 60

function heatIn(data: PanelData): Heat | null {
  const heat = data.results.find((result) => result?.kind === 'heat')
  if (heat?.kind === 'heat') return heat.heat
  return heatOfBuckets(data.results.flatMap((result) => (result?.kind === 'series' ? result.series : [])))
}

export function HeatMapPanel({ plugin, data, title, height }: DrawProps) {
  const heat = heatIn(data)
  if (heat === null || heat.cells.length === 0) return <p className={styles.nothing}>There are no counts in this time. A heat-map is drawn of a histogram’s buckets by le, or of durations of spans.</p>
  const format = part(plugin, 'yAxisFormat') as Format
  const value = (bound: number) => (heat.isDuration ? duration(bound) : format.unit ? written(bound, format) : figures(bound))
  return <HeatMap heat={heat} label={title} height={height} value={value} />
}

interface HeatMapProps {
  heat: Heat
  label: string
  height: number
  value: (bound: number) => string
}

function HeatMap({ heat, label, height, value }: HeatMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const theme = useTheme()
  const [at, setAt] = useState<{ column: number; row: number; left: number } | null>(null)
  const [from, setFrom] = useState<number | null>(null)
  const rows = heat.bounds.length - 1
  useEffect(() => {
    const element = canvas.current
    if (element === null) return
    const paint = () => draw(element, heat, value)
    const observer = new ResizeObserver(paint)
    observer.observe(element)
    paint()
    return () => observer.disconnect()
  }, [heat, theme, height])
  const place = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect()
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT)
    return { column: Math.floor(share * heat.times.length), row: rows - 1 - Math.floor(((event.clientY - box.top) / (box.height - BOTTOM)) * rows), left: event.clientX - box.left }
  }
  const finish = (event: PointerEvent) => {
    if (from !== null) {
      const [first, last] = [Math.min(from, place(event).column), Math.max(from, place(event).column)]
      if (last - first > 1) setTime(heat.times[Math.max(0, first)] ?? 0, (heat.times[Math.min(heat.times.length - 1, last)] ?? 0) + heat.columnMs)
    }
    setFrom(null)
  }
  const cell = at && heat.cells.find(({ column, row }) => column === at.column && row === at.row)
  return (
    <figure className={styles.heat}>
      <canvas ref={canvas} role="img" aria-label={`${label}: counts by time and value, as a table below`} style={{ blockSize: height }} onPointerDown={(event) => setFrom(place(event).column)} onPointerMove={(event) => setAt(place(event))} onPointerUp={finish} onPointerLeave={() => setAt(null)} />
      {at && cell && (
        <div className={styles.heatTip} aria-hidden="true" ref={(tip) => tip?.style.setProperty('inset-inline-start', `${Math.max(0, at.left - 60)}px`)}>
          {clock(heat.times[at.column] ?? 0, { fraction: false })} · {value(heat.bounds[at.row] ?? 0)} to {value(heat.bounds[at.row + 1] ?? 0)}
          <br />
          {figures(cell.count)}
          {cell.errors > 0 && `, ${figures(cell.errors)} failed`}
        </div>
      )}
      <HeatTable heat={heat} label={label} value={value} />
    </figure>
  )
}

function HeatTable({ heat, label, value }: Omit<HeatMapProps, 'height'>) {
  const every = Math.max(1, Math.ceil(heat.times.length / MOST_TABLE_ROWS))
  return (
    <table className="sr-only">
      <caption>{label}: how many in each span of time, and between which values</caption>
      <tbody>
        {heat.times.map((time, column) => {
          if (column % every !== 0) return null
          const cells = heat.cells.filter((cell) => cell.column === column)
          return (
            <tr key={time}>
              <th scope="row">{moment(time)}</th>
              <td>{cells.length === 0 ? 'none' : cells.map(({ row, count }) => `${figures(count)} from ${value(heat.bounds[row] ?? 0)}`).join(', ')}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function draw(canvas: HTMLCanvasElement, heat: Heat, value: (bound: number) => string) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const context = canvas.getContext('2d')
  if (context === null || width === 0) return
  canvas.width = width * devicePixelRatio
  canvas.height = height * devicePixelRatio
  context.scale(devicePixelRatio, devicePixelRatio)
  const rows = heat.bounds.length - 1
  const [cellWidth, cellHeight] = [(width - LEFT) / Math.max(1, heat.times.length), (height - BOTTOM) / Math.max(1, rows)]
  const most = Math.log1p(Math.max(...heat.cells.map(({ count }) => count)))
  const colours = Array.from({ length: HEATS }, (_, place) => resolved(`var(--heat-${place + 1})`, canvas))
  const bad = resolved('var(--bad)', canvas)
  for (const { column, row, count, errors } of heat.cells) {
    const [x, y] = [LEFT + column * cellWidth, (rows - 1 - row) * cellHeight]
    context.fillStyle = colours[Math.min(HEATS - 1, Math.floor((Math.log1p(count) / most) * HEATS))] ?? bad
    context.fillRect(x, y, Math.max(1, cellWidth - 0.5), Math.max(1, cellHeight - 0.5))
    if (errors === 0) continue
    context.fillStyle = bad
    context.fillRect(x, y + cellHeight - 2.5, Math.max(1, cellWidth - 0.5), 2)
  }
  drawAxes(context, canvas, heat, value, cellHeight)
}

function drawAxes(context: CanvasRenderingContext2D, canvas: HTMLCanvasElement, heat: Heat, value: (bound: number) => string, cellHeight: number) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const rows = heat.bounds.length - 1
  context.fillStyle = resolved('var(--ink-2)', canvas)
  context.font = '11px "Inter Variable", sans-serif'
  context.textAlign = 'end'
  context.textBaseline = 'middle'
  const every = Math.max(1, Math.ceil(18 / cellHeight))
  for (let row = 0; row <= rows; row += every) context.fillText(value(heat.bounds[row] ?? 0), LEFT - 6, Math.max(6, (rows - row) * cellHeight))
  context.textAlign = 'center'
  const ticks = Math.max(1, Math.floor((width - LEFT) / 110))
  for (let tick = 0; tick < ticks; tick++) {
    const column = Math.floor(((tick + 0.5) / ticks) * heat.times.length)
    context.fillText(clock(heat.times[column] ?? 0, { fraction: false }).slice(0, 5), LEFT + ((column + 0.5) / heat.times.length) * (width - LEFT), height - BOTTOM / 2 + 2)
  }
}

// How uPlot draws a chart over time: its axes, its lines, and what lies over them.
import type { RefObject } from 'react'
import uPlot from 'uplot'
import { colourAt, resolved } from '../colour'
import { clock, inUnit, moment, type Unit } from '../format'
import { setTime } from '../time'
import type { Line, TimeChartProps } from './time-chart'
import { axisEnds, drawnValues, stackedPairs } from './time-chart-data'

/** The axis of values at the right, as uPlot names its scale. */
const RIGHT = 'right'

const painted = new Map<string, string>()
let paintedIn = ''

/** Returns a colour as canvas wants it. To resolve one the browser works out styles anew, so each is resolved once in a theme. */
function paint(colour: string): string {
  const theme = document.documentElement.dataset.theme ?? String(matchMedia('(prefers-color-scheme: dark)').matches)
  if (theme !== paintedIn) painted.clear()
  paintedIn = theme
  const known = painted.get(colour) ?? resolved(colour)
  painted.set(colour, known)
  return known
}

/** Returns the unit of a line: its own, or that of the axis at the left. */
export const unitOf = (line: Line, unit: Unit): Unit => line.unit ?? unit

/** Returns what uPlot draws: times in seconds, and the values of each line. */
export const plotData = (times: number[], lines: Line[], kind: TimeChartProps['kind'], hidden: ReadonlySet<string>) =>
  [times.map((ms) => ms / 1000), ...drawnValues(lines, kind === 'stacked', hidden)] as uPlot.AlignedData

export function plotOptions(element: HTMLElement, latest: RefObject<TimeChartProps>, hidden: ReadonlySet<string>, setAt: (at: number | null) => void): uPlot.Options {
  const { lines, kind = 'lines', height = 160, sync } = latest.current
  return {
    width: element.clientWidth || 300,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 }, ...(sync ? { sync: { key: sync } } : {}) },
    scales: {
      x: { time: true, range: (_, min, max) => [(latest.current.from ?? min * 1000) / 1000, (latest.current.to ?? max * 1000) / 1000] },
      y: { range: (_, min, max) => axisEnds(min, max, latest.current.threshold, latest.current.range) },
      [RIGHT]: { range: (_, min, max) => axisEnds(min, max, 0, latest.current.rightRange) },
    },
    axes: axesOf(latest.current),
    series: [{}, ...lines.map((line, place) => seriesOf(line, place, kind, !hidden.has(line.name)))],
    bands: kind === 'stacked' ? stackedPairs(lines).map(([upper, lower]) => ({ series: [upper + 1, lower + 1] })) : undefined,
    hooks: {
      setCursor: [(chart) => setAt(chart.cursor.idx ?? null)],
      setSelect: [(chart) => takeRegion(chart, latest.current)],
      draw: [(chart) => drawOver(chart, latest.current)],
      ready: [(chart) => openExemplars(chart, latest)],
    },
  }
}

function axesOf({ lines, unit = 'none' }: TimeChartProps): uPlot.Axis[] {
  const axis = { stroke: paint('var(--ink-2)'), font: '11px "Inter Variable", sans-serif', grid: { stroke: paint('var(--line)'), width: 1 }, ticks: { show: false } }
  const right = lines.find((line) => line.axis === 'right')
  const values = (own: Unit) => (_: uPlot, splits: number[]) => splits.map((value) => inUnit(value, own))
  return [
    { ...axis, size: 26, values: (_, splits, _place, _space, step) => splits.map((time) => timeText(time * 1000, step)) },
    { ...axis, size: 56, values: values(unit) },
    ...(right === undefined ? [] : [{ ...axis, scale: RIGHT, side: 1 as const, size: 56, grid: { show: false }, values: values(unitOf(right, unit)) }]),
  ]
}

function seriesOf(line: Line, place: number, kind: TimeChartProps['kind'], show: boolean): uPlot.Series {
  const stroke = paint(line.colour ?? colourAt(place))
  const isBar = kind === 'bars'
  return {
    label: line.name,
    scale: line.axis === 'right' ? RIGHT : 'y',
    stroke,
    fill: kind === 'lines' ? undefined : `${hex(stroke)}${isBar ? 'cc' : '33'}`,
    width: isBar ? 0 : 1.5,
    paths: isBar ? uPlot.paths.bars?.({ size: [0.9, 40] }) : undefined,
    points: { show: false },
    show,
    spanGaps: false,
  }
}

/** Returns a time as an axis has it whose marks are so many seconds apart. */
const timeText = (ms: number, step: number) => (step >= 86_400 ? moment(ms).slice(5, 10) : clock(ms, { fraction: false }).slice(0, step < 60 ? 8 : 5))

function takeRegion(chart: uPlot, { onRegion = setTime }: TimeChartProps) {
  const { left, width } = chart.select
  if (width < 4) return
  const [from, to] = [chart.posToVal(left, 'x') * 1000, chart.posToVal(left + width, 'x') * 1000]
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  onRegion(from, to)
}

/** The threshold, marks and exemplars. */
function drawOver(chart: uPlot, { threshold, marks = [], exemplars = [] }: TimeChartProps) {
  const { ctx } = chart
  const { left, top, width, height } = chart.bbox
  ctx.save()
  ctx.lineWidth = devicePixelRatio
  if (threshold !== undefined) {
    ctx.strokeStyle = paint('var(--bad)')
    ctx.setLineDash([6, 4])
    const y = chart.valToPos(threshold, 'y', true)
    stroke(ctx, left, y, left + width, y)
  }
  ctx.strokeStyle = paint('var(--glass)')
  ctx.setLineDash([2, 3])
  for (const { time } of marks) {
    const x = chart.valToPos(time / 1000, 'x', true)
    if (x >= left && x <= left + width) stroke(ctx, x, top, x, top + height)
  }
  ctx.setLineDash([])
  ctx.fillStyle = paint('var(--warn)')
  for (const { time, value } of exemplars) diamond(ctx, chart.valToPos(time / 1000, 'x', true), chart.valToPos(value, 'y', true))
  ctx.restore()
}

function diamond(ctx: CanvasRenderingContext2D, x: number, y: number) {
  const size = 3 * devicePixelRatio
  ctx.beginPath()
  ctx.moveTo(x, y - size)
  ctx.lineTo(x + size, y)
  ctx.lineTo(x, y + size)
  ctx.lineTo(x - size, y)
  ctx.fill()
}

function stroke(ctx: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number) {
  ctx.beginPath()
  ctx.moveTo(x, y)
  ctx.lineTo(toX, toY)
  ctx.stroke()
}

function openExemplars(chart: uPlot, latest: RefObject<TimeChartProps>) {
  chart.over.addEventListener('click', ({ offsetX, offsetY }) => {
    const near = (latest.current.exemplars ?? [])
      .map((exemplar) => ({ exemplar, away: Math.hypot(chart.valToPos(exemplar.time / 1000, 'x') - offsetX, chart.valToPos(exemplar.value, 'y') - offsetY) }))
      .toSorted((a, b) => a.away - b.away)[0]
    if (near !== undefined && near.away < 10) near.exemplar.onOpen()
  })
}

function hex(colour: string): string {
  const parts = /rgba?\((\d+),\s*(\d+),\s*(\d+)/.exec(colour)
  return parts === null ? colour : `#${parts.slice(1, 4).map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`
}

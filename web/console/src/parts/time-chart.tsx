// Lines, areas or bars over time, by uPlot. A drawn region becomes the time range; arrow keys go from point to point; who cannot see it reads a table.
import { memo, useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { colourAt, resolved } from '../colour'
import { clock, inUnit, moment, type Unit } from '../format'
import { setTime } from '../time'
import { Dot } from './controls'
import { withGaps } from './gaps'
import styles from './time-chart.module.css'

export interface Line {
  name: string
  /** For styles: `var(--bad)`; without it, by its place. */
  colour?: string
  /** As many as there are times; null where there is none. */
  values: (number | null)[]
}

/** Something that happened: a deployment, a flag that was changed. */
export interface Mark {
  /** Milliseconds since 1970. */
  time: number
  text: string
}

/** A single measurement that leads to its trace. */
export interface Exemplar {
  time: number
  value: number
  onOpen: () => void
}

interface TimeChartProps {
  /** What it shows, for who cannot see it, and above its table. */
  label: string
  /** Milliseconds since 1970, ascending. */
  times: number[]
  lines: Line[]
  unit?: Unit
  kind?: 'lines' | 'area' | 'stacked' | 'bars'
  height?: number
  /** Milliseconds since 1970: what the axis spans, also where there are no points. */
  from?: number
  to?: number
  /** A value that is not to be passed. */
  threshold?: number
  /** Ends of the axis of values, where they are not to follow from the values. */
  range?: { min?: number; max?: number }
  marks?: Mark[]
  exemplars?: Exemplar[]
  legend?: boolean
  /** What a drawn region does; without it, it becomes the page's time range. */
  onRegion?: (from: number, to: number) => void
  /** Charts of one name share their cursor. */
  sync?: string
}

const MAX_TABLE_ROWS = 60

export function TimeChart(props: TimeChartProps) {
  const { label, unit = 'none', kind = 'lines', height = 160, legend = props.lines.length > 1 } = props
  const { times, lines } = useMemo(() => withGaps(props.times, props.lines), [props.times, props.lines])
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [at, setAt] = useState<number | null>(null)
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  const theme = useTheme()
  const latest = useRef(props)
  latest.current = props
  const data = useMemo(() => dataOf(times, lines, kind, hidden), [times, lines, kind, hidden])
  const shape = JSON.stringify([lines.map(({ name, colour }) => [name, colour]), unit, kind, height, props.threshold, props.sync, theme, [...hidden]])
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const chart = new uPlot(optionsOf(element, latest, hidden, setAt), data, element)
    plot.current = chart
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      chart.destroy()
      plot.current = null
    }
    // The chart is made anew when its form changes; new data goes into the one that is there.
  }, [shape])
  useEffect(() => plot.current?.setData(data), [data, props.from, props.to, props.marks, props.exemplars])
  const move = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined || times.length === 0) return
    event.preventDefault()
    event.stopPropagation()
    const next = Math.max(0, Math.min(times.length - 1, (at ?? (step > 0 ? -1 : times.length)) + step))
    setAt(next)
    plot.current?.setCursor({ left: plot.current.valToPos(times[next]! / 1000, 'x'), top: 10 })
  }
  const toggle = (name: string) => {
    const next = new Set(hidden)
    if (!next.delete(name)) next.add(name)
    setHidden(next)
  }
  const tipAt = at !== null && times[at] !== undefined ? at : null
  return (
    <figure className={styles.chart}>
      <div ref={place} className={styles.plot} tabIndex={0} role="application" aria-roledescription="chart" aria-label={`${label}. Arrow keys go from point to point.`} onKeyDown={move} onBlur={() => setAt(null)} />
      {tipAt !== null && <Tip at={tipAt} times={times} lines={lines.filter(({ name }) => !hidden.has(name))} unit={unit} left={plot.current?.valToPos(times[tipAt]! / 1000, 'x') ?? 0} width={place.current?.clientWidth ?? 0} />}
      <div className="sr-only" role="status">
        {tipAt !== null && `${clock(times[tipAt]!)}: ${lines.map((line) => `${line.name} ${inUnit(line.values[tipAt] ?? null, unit)}`).join(', ')}`}
      </div>
      {legend && (
        <figcaption className={styles.legend}>
          {lines.map((line, place) => (
            <button type="button" key={line.name} aria-pressed={!hidden.has(line.name)} onClick={() => toggle(line.name)} title={line.name}>
              <Dot colour={line.colour ?? colourAt(place)} />
              {line.name}
            </button>
          ))}
        </figcaption>
      )}
      <HiddenTable label={label} times={times} lines={lines} unit={unit} />
    </figure>
  )
}

function Tip({ at, times, lines, unit, left, width }: { at: number; times: number[]; lines: Line[]; unit: Unit; left: number; width: number }) {
  const isRight = left > width / 2
  return (
    <div
      className={styles.tip}
      ref={(tip) => {
        tip?.style.setProperty('inset-inline-start', isRight ? 'auto' : `${left + 60}px`)
        tip?.style.setProperty('inset-inline-end', isRight ? `${Math.max(8, width - left - 40)}px` : 'auto')
      }}
      aria-hidden="true"
    >
      {moment(times[at]!)}
      <table>
        <tbody>
          {lines.slice(0, 12).map((line) => (
            <tr key={line.name}>
              <td>{line.name}</td>
              <td>{inUnit(line.values[at] ?? null, unit)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** It has many cells, and changes only with the data: not as the cursor moves. */
const HiddenTable = memo(function HiddenTable({ label, times, lines, unit }: { label: string; times: number[]; lines: Line[]; unit: Unit }) {
  const every = Math.max(1, Math.ceil(times.length / MAX_TABLE_ROWS))
  return (
    <div className="sr-only">
      <table>
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times.map((time, place) =>
            place % every === 0 ? (
              <tr key={time}>
                <th scope="row">{moment(time)}</th>
                {lines.map((line) => (
                  <td key={line.name}>{inUnit(line.values[place] ?? null, unit)}</td>
                ))}
              </tr>
            ) : null,
          )}
        </tbody>
      </table>
    </div>
  )
})

function dataOf(times: number[], lines: Line[], kind: TimeChartProps['kind'], hidden: ReadonlySet<string>): uPlot.AlignedData {
  const xs = times.map((ms) => ms / 1000)
  if (kind !== 'stacked') return [xs, ...lines.map(({ values }) => values)] as uPlot.AlignedData
  const sums = times.map(() => 0)
  return [xs, ...lines.map(({ name, values }) => values.map((value, place) => (hidden.has(name) ? null : (sums[place]! += value ?? 0))))] as uPlot.AlignedData
}

function optionsOf(element: HTMLElement, latest: React.RefObject<TimeChartProps>, hidden: ReadonlySet<string>, setAt: (at: number | null) => void): uPlot.Options {
  const { lines, unit = 'none', kind = 'lines', height = 160, sync } = latest.current
  const [ink, line] = [resolved('var(--ink-2)', element), resolved('var(--line)', element)]
  const axis = { stroke: ink, font: '11px "Inter Variable", sans-serif', grid: { stroke: line, width: 1 }, ticks: { show: false } }
  const bars = kind === 'bars' ? uPlot.paths.bars?.({ size: [0.9, 40] }) : undefined
  return {
    width: element.clientWidth || 300,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 }, ...(sync ? { sync: { key: sync } } : {}) },
    scales: {
      x: { time: true, range: (_, min, max) => [(latest.current.from ?? min * 1000) / 1000, (latest.current.to ?? max * 1000) / 1000] },
      y: { range: (_, min, max) => yRange(min, max, latest.current) },
    },
    axes: [
      { ...axis, size: 26, values: (_, splits, _place, _space, step) => splits.map((time) => timeText(time * 1000, step)) },
      { ...axis, size: 56, values: (_, splits) => splits.map((value) => inUnit(value, unit)) },
    ],
    series: [
      {},
      ...lines.map((each, place) => {
        const stroke = resolved(each.colour ?? colourAt(place), element)
        const fill = kind === 'lines' ? undefined : `${hex(stroke)}${kind === 'bars' ? 'cc' : '33'}`
        return { label: each.name, stroke, fill, width: kind === 'bars' ? 0 : 1.5, paths: bars, points: { show: false }, show: !hidden.has(each.name), spanGaps: false }
      }),
    ],
    bands: kind === 'stacked' ? lines.slice(1).map((_, place) => ({ series: [place + 2, place + 1] as [number, number] })) : undefined,
    hooks: {
      setCursor: [(chart) => setAt(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select
          if (width < 4) return
          const [from, to] = [chart.posToVal(left, 'x') * 1000, chart.posToVal(left + width, 'x') * 1000]
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          ;(latest.current.onRegion ?? setTime)(from, to)
        },
      ],
      draw: [(chart) => drawOver(chart, latest.current, element)],
      ready: [(chart) => openExemplars(chart, latest)],
    },
  }
}

/** Returns a time as an axis has it whose marks are so many seconds apart. */
const timeText = (ms: number, step: number) => (step >= 86_400 ? moment(ms).slice(5, 10) : clock(ms, { fraction: false }).slice(0, step < 60 ? 8 : 5))

function yRange(min: number | null, max: number | null, { threshold = 0, range = {} }: TimeChartProps): [number, number] {
  const low = range.min ?? Math.min(0, min ?? 0)
  const high = Math.max(max ?? 0, threshold)
  const end = range.max ?? (high > low ? high * 1.08 : low + 1)
  return [low, end > low ? end : low + 1]
}

/** The threshold, marks and exemplars. */
function drawOver(chart: uPlot, { threshold, marks = [], exemplars = [] }: TimeChartProps, element: HTMLElement) {
  const { ctx } = chart
  const { left, top, width, height } = chart.bbox
  ctx.save()
  ctx.lineWidth = devicePixelRatio
  const across = (y: number) => stroke(ctx, left, y, left + width, y)
  if (threshold !== undefined) {
    ctx.strokeStyle = resolved('var(--bad)', element)
    ctx.setLineDash([6, 4])
    across(chart.valToPos(threshold, 'y', true))
  }
  ctx.strokeStyle = resolved('var(--glass)', element)
  ctx.setLineDash([2, 3])
  for (const { time } of marks) {
    const x = chart.valToPos(time / 1000, 'x', true)
    if (x >= left && x <= left + width) stroke(ctx, x, top, x, top + height)
  }
  ctx.setLineDash([])
  ctx.fillStyle = resolved('var(--warn)', element)
  for (const { time, value } of exemplars) {
    const [x, y] = [chart.valToPos(time / 1000, 'x', true), chart.valToPos(value, 'y', true)]
    const size = 3 * devicePixelRatio
    ctx.beginPath()
    ctx.moveTo(x, y - size)
    ctx.lineTo(x + size, y)
    ctx.lineTo(x, y + size)
    ctx.lineTo(x - size, y)
    ctx.fill()
  }
  ctx.restore()
}

function stroke(ctx: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number) {
  ctx.beginPath()
  ctx.moveTo(x, y)
  ctx.lineTo(toX, toY)
  ctx.stroke()
}

function openExemplars(chart: uPlot, latest: React.RefObject<TimeChartProps>) {
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

/** Returns a number that changes when colours do. */
export function useTheme(): number {
  const [version, setVersion] = useState(0)
  useEffect(() => {
    const tell = () => setVersion((version) => version + 1)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const observer = new MutationObserver(tell)
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    dark.addEventListener('change', tell)
    return () => {
      observer.disconnect()
      dark.removeEventListener('change', tell)
    }
  }, [])
  return version
}

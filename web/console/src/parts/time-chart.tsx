// Lines, areas or bars over time, by uPlot. A drawn region becomes the time range; arrow keys go from point to point; who cannot see it reads a table.
import { memo, useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { colourAt } from '../colour'
import { clock, inUnit, moment, type Unit } from '../format'
import { Dot } from './controls'
import { withGaps } from './gaps'
import { marksByPoint, nextMarked } from './time-chart-data'
import { plotData, plotOptions, unitOf } from './time-chart-plot'
import styles from './time-chart.module.css'

export interface Line {
  name: string
  /** For styles: `var(--bad)`; without it, by its place. */
  colour?: string
  /** As many as there are times; null where there is none. */
  values: (number | null)[]
  /** Which axis it stands at, if not at the left one. */
  axis?: 'right'
  /** How its values are written, if not in the chart's unit; the axis at the right has the unit of its first line. */
  unit?: Unit
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

export interface TimeChartProps {
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
  /** The same of the axis at the right. */
  rightRange?: { min?: number; max?: number }
  marks?: Mark[]
  exemplars?: Exemplar[]
  legend?: boolean
  /** What a drawn region does; without it, it becomes the page's time range. */
  onRegion?: (from: number, to: number) => void
  /** Charts of one name share their cursor. */
  sync?: string
}

const MAX_TABLE_ROWS = 60
/** More lines and marks are not told at a point. */
const MAX_TIP_LINES = 12
const MAX_TIP_MARKS = 4

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
  const data = useMemo(() => plotData(times, lines, kind, hidden), [times, lines, kind, hidden])
  const marked = useMemo(() => marksByPoint(props.marks ?? [], times, props.from, props.to), [props.marks, times, props.from, props.to])
  const shape = JSON.stringify([lines.map(({ name, colour, axis, unit }) => [name, colour, axis, unit]), unit, kind, height, props.threshold, props.sync, theme, [...hidden]])
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const chart = new uPlot(plotOptions(element, latest, hidden, setAt), data, element)
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
    const before = at ?? (step > 0 ? -1 : times.length)
    const next = Math.max(0, Math.min(times.length - 1, event.shiftKey ? nextMarked(marked, before, step) : before + step))
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
      <div ref={place} className={styles.plot} tabIndex={0} role="application" aria-roledescription="chart" aria-label={`${label}. Arrow keys go from point to point${marked.size > 0 ? ', with Shift from mark to mark' : ''}.`} onKeyDown={move} onBlur={() => setAt(null)} />
      {tipAt !== null && <Tip at={tipAt} times={times} lines={lines.filter(({ name }) => !hidden.has(name))} unit={unit} marks={marked.get(tipAt) ?? []} left={plot.current?.valToPos(times[tipAt]! / 1000, 'x') ?? 0} width={place.current?.clientWidth ?? 0} />}
      <div className="sr-only" role="status">
        {tipAt !== null && told(times[tipAt]!, lines, tipAt, unit, marked.get(tipAt) ?? [])}
      </div>
      {legend && (
        <figcaption className={styles.legend}>
          {lines.map((line, place) => (
            <button type="button" key={line.name} aria-pressed={!hidden.has(line.name)} onClick={() => toggle(line.name)} title={line.name}>
              <Dot colour={line.colour ?? colourAt(place)} />
              {line.name}
              {line.axis === 'right' && ' (right axis)'}
            </button>
          ))}
        </figcaption>
      )}
      <HiddenTable label={label} times={times} lines={lines} unit={unit} />
      {marked.size > 0 && <HiddenMarks label={label} marked={marked} />}
    </figure>
  )
}

/** Returns what is said of a point. */
function told(time: number, lines: Line[], at: number, unit: Unit, marks: Mark[]): string {
  const values = lines.map((line) => `${line.name} ${inUnit(line.values[at] ?? null, unitOf(line, unit))}`).join(', ')
  return [`${clock(time)}: ${values}`, ...marks.slice(0, MAX_TIP_MARKS).map((mark) => `${clock(mark.time)} ${mark.text}`)].join('. ')
}

interface TipProps {
  at: number
  times: number[]
  lines: Line[]
  unit: Unit
  marks: Mark[]
  left: number
  width: number
}

function Tip({ at, times, lines, unit, marks, left, width }: TipProps) {
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
          {lines.slice(0, MAX_TIP_LINES).map((line) => (
            <tr key={line.name}>
              <td>{line.name}</td>
              <td>{inUnit(line.values[at] ?? null, unitOf(line, unit))}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {marks.slice(0, MAX_TIP_MARKS).map((mark) => (
        <p key={`${mark.time} ${mark.text}`}>
          {clock(mark.time, { fraction: false })} {mark.text}
        </p>
      ))}
      {marks.length > MAX_TIP_MARKS && <p>and {marks.length - MAX_TIP_MARKS} more</p>}
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
                  <td key={line.name}>{inUnit(line.values[place] ?? null, unitOf(line, unit))}</td>
                ))}
              </tr>
            ) : null,
          )}
        </tbody>
      </table>
    </div>
  )
})

const HiddenMarks = memo(function HiddenMarks({ label, marked }: { label: string; marked: Map<number, Mark[]> }) {
  return (
    <div className="sr-only">
      <table>
        <caption>Marks of {label}</caption>
        <tbody>
          {[...marked.values()].flat().map(({ time, text }, place) => (
            <tr key={place}>
              <th scope="row">{moment(time)}</th>
              <td>{text}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
})

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

// Panels of numbers: time series, single values, bars.
import { useMemo } from 'react'
import { colourOf } from '../../../colour'
import { aligned } from '../../../data/series'
import { Sparkline } from '../../../parts/sparkline'
import { type Line, type Mark, TimeChart } from '../../../parts/time-chart'
import type { TimeRange } from '../../../time'
import { part, type Plugin, textOf } from '../document'
import { calculate, type NamedSeries, seriesOfRows } from '../results'
import type { PanelData } from '../use-panel'
import { chartUnit, type Format, written } from '../units'
import { queryLooks, rightRange } from './axes'
import styles from './panels.module.css'

/** More lines cannot be told apart. */
const MOST_LINES = 50
/** Room for the names of lines: one row, or two and a bit to scroll through. */
const legendHeight = (lines: { name: string }[]) => (lines.reduce((letters, { name }) => letters + name.length + 4, 0) > 60 ? 62 : 28)

export interface DrawProps {
  plugin: Plugin
  data: PanelData
  title: string
  time: TimeRange
  marks: Mark[]
  /** What there is in pixels. */
  height: number
}

/** Returns all series of a panel's answers, and of which query each is. */
function seriesIn(data: PanelData): { series: NamedSeries; query: number }[] {
  return data.results.flatMap((result, query) => {
    if (result?.kind === 'series') return result.series.map((series) => ({ series, query }))
    if (result?.kind === 'rows') return seriesOfRows(result.columns, result.rows).map((series) => ({ series, query }))
    return []
  })
}

const formatOf = (plugin: Plugin, name = 'format') => part(plugin, name) as Format

interface Step {
  value: number
  name?: string
  color?: string
}

const stepsOf = (plugin: Plugin): Step[] => {
  const { steps } = part(plugin, 'thresholds') as { steps?: Step[] }
  return Array.isArray(steps) ? steps.filter(({ value }) => typeof value === 'number') : []
}

export function TimeSeriesPanel({ plugin, data, title, time, marks, height }: DrawProps) {
  const axis = part(plugin, 'yAxis')
  const visual = part(plugin, 'visual')
  const { unit, scale } = chartUnit((axis.format ?? undefined) as Format | undefined)
  const all = useMemo(() => seriesIn(data), [data])
  const shown = all.slice(0, MOST_LINES)
  const { times, lines } = useMemo(() => linesOf(plugin, shown, data.results.length), [plugin, all])
  const kind = visual.display === 'bar' ? 'bars' : visual.stack === 'all' ? 'stacked' : Number(visual.areaOpacity ?? 0) > 0 ? 'area' : 'lines'
  const threshold = stepsOf(plugin)[0]?.value
  const limit = (name: string) => (typeof axis[name] === 'number' ? axis[name] * scale : undefined)
  const hasLegend = plugin.spec.legend !== undefined && lines.length > 0
  return (
    <>
      <TimeChart
        label={title}
        times={times}
        lines={lines}
        unit={lines.find(({ axis }) => axis === undefined)?.unit ?? unit}
        kind={kind}
        height={Math.max(80, height - (hasLegend ? legendHeight(lines) : 0))}
        from={time.from}
        to={time.to}
        threshold={threshold === undefined ? undefined : threshold * scale}
        range={{ min: limit('min'), max: limit('max') }}
        rightRange={rightRange(plugin)}
        marks={marks}
        legend={hasLegend}
        sync="dashboard"
      />
      {all.length > shown.length && <p className={styles.more}>The first {shown.length} of {all.length} lines.</p>}
    </>
  )
}

/** Returns lines as their queries' settings have them. */
function linesOf(plugin: Plugin, shown: ReturnType<typeof seriesIn>, queries: number): { times: number[]; lines: Line[] } {
  const looks = queryLooks(plugin, queries)
  const { times, lines } = aligned(shown.map(({ series }) => series))
  return {
    times,
    lines: lines.map((line, place) => {
      const { scale, ...look } = looks[shown[place]!.query]!
      return { ...line, ...look, values: scale === 1 ? line.values : line.values.map((value) => (value === null ? null : value * scale)) }
    }),
  }
}

/** Returns the highest step that a value has reached. */
const stepReached = (steps: Step[], value: number | null) => (value === null ? undefined : steps.toSorted((a, b) => b.value - a.value).find((step) => value >= step.value))

export function StatPanel({ plugin, data }: DrawProps) {
  const format = formatOf(plugin)
  const steps = stepsOf(plugin)
  const by = textOf(plugin, 'calculation') || 'last-number'
  const all = seriesIn(data).slice(0, MOST_LINES)
  const isMany = all.length > 1
  return (
    <ul className={styles.stats} data-many={isMany ? '' : undefined}>
      {all.map(({ series }, place) => {
        const value = calculate(series.values, by)
        const step = stepReached(steps, value)
        return (
          <li key={`${series.name} ${place}`} className={styles.stat} data-tone={toneOf(steps, step)}>
            {isMany && <span className={styles.statName}>{series.name}</span>}
            <strong>{mapped(plugin, value) ?? written(value, format)}</strong>
            {step && <small>{step.name ?? `${written(step.value, format)} or more`}</small>}
            {plugin.spec.sparkline !== undefined && series.values.length > 1 && <Sparkline values={series.values} width={120} height={24} />}
          </li>
        )
      })}
    </ul>
  )
}

/** Colours of steps are whatever somebody chose, unreadable on one theme or the other: their meaning is taken, green to red, and said in words. */
function toneOf(steps: Step[], step: Step | undefined): string | undefined {
  if (step === undefined) return undefined
  const named = /green|#(?:73bf69|56a64b|37872d|299c46)/i.test(step.color ?? '') ? 'ok' : /yellow|orange|#(?:f2cc0c|ff9830|ff780a|eab839)/i.test(step.color ?? '') ? 'warn' : /red|#(?:f2495c|e02f44|c4162a|d44a3a)/i.test(step.color ?? '') ? 'bad' : undefined
  return named ?? (steps.indexOf(step) === steps.length - 1 ? 'bad' : 'warn')
}

interface Mapping {
  kind: string
  spec: { value?: string; from?: number; to?: number; result?: { value?: string } }
}

/** Returns what a value is called, where the panel says so. */
function mapped(plugin: Plugin, value: number | null): string | undefined {
  const mappings = (Array.isArray(plugin.spec.mappings) ? plugin.spec.mappings : []) as Mapping[]
  const found = mappings.find(({ kind, spec }) => {
    if (kind === 'Value') return value !== null && String(value) === spec.value
    if (kind === 'Range') return value !== null && value >= (spec.from ?? -Infinity) && value <= (spec.to ?? Infinity)
    return kind === 'Misc' && value === null && (spec.value === 'null' || spec.value === 'empty')
  })
  return found?.spec.result?.value
}

export function BarPanel({ plugin, data, title }: DrawProps) {
  const by = textOf(plugin, 'calculation') || 'last-number'
  const isShare = plugin.spec.mode === 'percentage'
  const values = seriesIn(data).map(({ series }) => ({ name: series.name, value: calculate(series.values, by) ?? 0 }))
  const sum = values.reduce((all, { value }) => all + value, 0)
  const most = Math.max(...values.map(({ value }) => Math.abs(value)), Number.MIN_VALUE)
  const sign = plugin.spec.sort === 'asc' ? 1 : plugin.spec.sort === undefined ? 0 : -1
  const shown = values.toSorted((a, b) => sign * (a.value - b.value))
  return (
    <ul className={styles.bars} aria-label={title}>
      {shown.map(({ name, value }, place) => (
        <li key={`${name} ${place}`}>
          <span title={name}>{name}</span>
          <span
            className={styles.bar}
            ref={(bar) => {
              bar?.style.setProperty('--share', String(Math.abs(value) / most))
              bar?.style.setProperty('--colour', colourOf(name))
            }}
          />
          <span>{isShare ? written(sum === 0 ? 0 : value / sum, { unit: 'percent-decimal' }) : written(value, formatOf(plugin))}</span>
        </li>
      ))}
    </ul>
  )
}

export function GaugePanel(props: DrawProps) {
  const { plugin, data } = props
  const format = formatOf(plugin)
  const most = typeof plugin.spec.max === 'number' ? plugin.spec.max : format.unit === 'percent-decimal' ? 1 : 100
  const steps = stepsOf(plugin)
  const by = textOf(plugin, 'calculation') || 'last-number'
  return (
    <ul className={styles.stats} data-many="">
      {seriesIn(data)
        .slice(0, MOST_LINES)
        .map(({ series }, place, all) => {
          const value = calculate(series.values, by)
          const step = stepReached(steps, value)
          return (
            <li key={`${series.name} ${place}`} className={styles.stat} data-tone={toneOf(steps, step)}>
              {all.length > 1 && <span className={styles.statName}>{series.name}</span>}
              <strong>{written(value, format)}</strong>
              <meter min={0} max={most} value={value ?? 0} aria-label={series.name} />
              <small>{step?.name ?? `of ${written(most, format)}`}</small>
            </li>
          )
        })}
    </ul>
  )
}

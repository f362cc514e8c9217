// Answers as panels show them.
import type { Series } from '../../data/prometheus'

export interface NamedSeries extends Series {
  name: string
}

export interface LogLine {
  /** Milliseconds since 1970. */
  time: number
  level: string
  service: string
  message: string
  trace?: string
  key: string
  attributes: Record<string, string>
}

export interface TraceLine {
  id: string
  service: string
  operation: string
  start: number
  durationNs: number
  spans: number
  errors: number
  services: string[]
}

/** Counts in a grid of time and value. */
export interface Heat {
  /** Milliseconds since 1970: starts of columns. */
  times: number[]
  columnMs: number
  /** Bounds of rows, ascending, one more than there are rows. */
  bounds: number[]
  /** Whether bounds are nanoseconds. */
  isDuration: boolean
  cells: { column: number; row: number; count: number; errors: number }[]
}

/** Returns how a series is called: by a format such as `{{job}} of {{instance}}`, or by its labels. */
export function seriesName(labels: Record<string, string>, format: string): string {
  if (format !== '') return format.replace(/\{\{\s*([\w.:-]+)\s*\}\}/g, (_, name: string) => labels[name] ?? '')
  const { __name__: name = '', ...rest } = labels
  const others = Object.entries(rest)
  if (others.length === 0) return name || 'value'
  return `${name}{${others.map(([key, value]) => `${key}="${value}"`).join(', ')}}`
}

interface LokiAnswer {
  data: { result: { stream: Record<string, string>; values: [string, string][] }[] }
}

export function logsOfLoki(answer: unknown): LogLine[] {
  const lines = (answer as LokiAnswer).data.result.flatMap(({ stream, values }) =>
    values.map(([ns, message], place) => ({
      time: Number(BigInt(ns) / 1_000_000n),
      level: stream.detected_level ?? stream.severity_text?.toLowerCase() ?? '',
      service: stream.service_name ?? '',
      message,
      trace: stream.trace_id,
      key: `${ns} ${place} ${stream.span_id ?? ''} ${message.slice(0, 40)}`,
      attributes: stream,
    })),
  )
  return lines.toSorted((a, b) => b.time - a.time)
}

interface LogsAnswer {
  logs: { time: string; cursor: string; service?: string; level?: string; message?: unknown; trace?: string; attributes?: Record<string, unknown> }[]
}

const asText = (value: unknown) => (typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value))

export function logsOfVitrine(answer: unknown): LogLine[] {
  return (answer as LogsAnswer).logs.map(({ time, cursor, service = '', level = '', message, trace, attributes = {} }) => ({
    time: Date.parse(time),
    level,
    service,
    message: asText(message),
    trace,
    key: cursor,
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, asText(value)])),
  }))
}

interface Summaries {
  summaries?: { traceId: string; rootServiceName?: string; rootOperationName?: string; minStartTimeUnixNano: string; maxEndTimeUnixNano: string; spanCount?: number; errorSpanCount?: number; services?: { name: string }[] }[]
}

export function tracesOfSummaries(answer: unknown): TraceLine[] {
  return ((answer as Summaries).summaries ?? []).map((trace) => ({
    id: trace.traceId,
    service: trace.rootServiceName ?? '',
    operation: trace.rootOperationName ?? '(its root is not there)',
    start: Number(BigInt(trace.minStartTimeUnixNano) / 1_000_000n),
    durationNs: Number(BigInt(trace.maxEndTimeUnixNano) - BigInt(trace.minStartTimeUnixNano)),
    spans: trace.spanCount ?? 0,
    errors: trace.errorSpanCount ?? 0,
    services: (trace.services ?? []).map(({ name }) => name),
  }))
}

interface SpanHeat {
  start_ns: string
  column_ns: number
  columns: number
  row_bounds_ns: number[]
  cells: { column: number[]; row: number[]; count: number[]; errors: number[] }
}

/** Returns what /api/heatmap says. */
export function heatOfSpans(answer: unknown): Heat {
  const { start_ns, column_ns, columns, row_bounds_ns, cells } = answer as SpanHeat
  const start = Number(BigInt(start_ns) / 1000n) / 1000
  return {
    times: Array.from({ length: columns }, (_, column) => start + (column * column_ns) / 1e6),
    columnMs: column_ns / 1e6,
    bounds: row_bounds_ns,
    isDuration: true,
    cells: cells.column.map((column, place) => ({ column, row: cells.row[place] ?? 0, count: cells.count[place] ?? 0, errors: cells.errors[place] ?? 0 })),
  }
}

/** Returns the counts of a classic histogram's series, which are cumulative by `le`. */
export function heatOfBuckets(series: Series[]): Heat | null {
  const byBound = series
    .filter(({ labels }) => labels.le !== undefined)
    .map((each) => ({ bound: Number(each.labels.le === '+Inf' ? Infinity : each.labels.le), at: new Map(each.times.map((time, place) => [time, each.values[place] ?? 0])) }))
    .toSorted((a, b) => a.bound - b.bound)
  if (byBound.length === 0) return null
  const times = [...new Set(series.flatMap((each) => each.times))].toSorted((a, b) => a - b)
  const finite = byBound.map(({ bound }) => bound).filter(Number.isFinite)
  const top = (finite.at(-1) ?? 1) * 2
  const cells = times.flatMap((time, column) =>
    byBound.flatMap(({ at }, row) => {
      const below = row === 0 ? 0 : (byBound[row - 1]?.at.get(time) ?? 0)
      const count = (at.get(time) ?? below) - below
      return count > 0 ? [{ column, row, count, errors: 0 }] : []
    }),
  )
  const bounds = [0, ...byBound.map(({ bound }) => (Number.isFinite(bound) ? bound : top))]
  return { times, columnMs: times.length > 1 ? (times[1] ?? 0) - (times[0] ?? 0) : 60_000, bounds, isDuration: false, cells }
}

export function calculate(values: number[], by: string): number | null {
  const numbers = values.filter((value) => !Number.isNaN(value))
  if (numbers.length === 0) return null
  switch (by) {
    case 'first':
    case 'first-number':
      return numbers[0] ?? null
    case 'mean':
      return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
    case 'sum':
      return numbers.reduce((sum, value) => sum + value, 0)
    case 'min':
      return numbers.reduce((least, value) => Math.min(least, value))
    case 'max':
      return numbers.reduce((most, value) => Math.max(most, value))
    default:
      return numbers.at(-1) ?? null
  }
}

const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/

export const isTimeText = (value: unknown): value is string => typeof value === 'string' && TIME.test(value)

/** Returns SQL's times as milliseconds; without a zone they are UTC. */
export const timeOfText = (text: string) => Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`)

/** Returns the series that rows are: one column of time, each column of numbers a line, columns of texts in its name. */
export function seriesOfRows(columns: string[], rows: Record<string, unknown>[]): NamedSeries[] {
  const has = (column: string, check: (value: unknown) => boolean) => rows.some((row) => check(row[column])) && rows.every((row) => row[column] === null || check(row[column]))
  const time = columns.find((column) => has(column, isTimeText))
  const numbers = columns.filter((column) => has(column, (value) => typeof value === 'number'))
  const texts = columns.filter((column) => column !== time && !numbers.includes(column))
  const series = new Map<string, NamedSeries>()
  for (const row of rows) {
    const labels = Object.fromEntries(texts.map((column) => [column, asText(row[column] ?? '')]))
    for (const column of numbers) {
      const name = [...Object.values(labels), ...(numbers.length > 1 || texts.length === 0 ? [column] : [])].join(' ')
      const line = series.get(name) ?? { name, labels, times: [], values: [] }
      series.set(name, line)
      line.times.push(time === undefined ? 0 : timeOfText(String(row[time])))
      line.values.push(typeof row[column] === 'number' ? row[column] : Number.NaN)
    }
  }
  return [...series.values()].map((line) => inTimeOrder(line))
}

function inTimeOrder(line: NamedSeries): NamedSeries {
  const order = line.times.map((_, place) => place).toSorted((a, b) => (line.times[a] ?? 0) - (line.times[b] ?? 0))
  return { ...line, times: order.map((place) => line.times[place] ?? 0), values: order.map((place) => line.values[place] ?? Number.NaN) }
}

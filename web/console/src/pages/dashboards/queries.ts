// What a panel's queries are sent as, and what comes back of each kind.
import { type ApiRequest, withParameters, jsonOf } from '../../data/http'
import { rangeRequest, readSeries } from '../../data/prometheus'
import { sqlRequest } from '../../data/sql'
import { addressOf } from '../../router'
import type { TimeRange } from '../../time'
import { type Plugin, type Query, textOf } from './document'
import { builtIn, durationSeconds, interpolate, namesIn, type Values } from './interpolate'
import { type Heat, heatOfSpans, type LogLine, logsOfLoki, logsOfVitrine, type NamedSeries, seriesName, type TraceLine, tracesOfSummaries } from './results'

export type Result =
  | { kind: 'series'; series: NamedSeries[] }
  | { kind: 'rows'; columns: string[]; rows: Record<string, unknown>[] }
  | { kind: 'logs'; lines: LogLine[] }
  | { kind: 'traces'; traces: TraceLine[] }
  | { kind: 'heat'; heat: Heat }

export interface Asked {
  request: ApiRequest
  read: (response: Response) => Promise<Result>
}

/** What is offered for a new query, by the kinds of panels that can show it. */
export const QUERY_KINDS: { kind: string; outer: string; name: string; language: 'promql' | 'logql' | 'sql' | 'text' | 'none' }[] = [
  { kind: 'PrometheusTimeSeriesQuery', outer: 'TimeSeriesQuery', name: 'PromQL', language: 'promql' },
  { kind: 'VitrineSqlQuery', outer: 'TimeSeriesQuery', name: 'SQL', language: 'sql' },
  { kind: 'LokiTimeSeriesQuery', outer: 'TimeSeriesQuery', name: 'LogQL for numbers', language: 'logql' },
  { kind: 'VitrineLogQuery', outer: 'LogQuery', name: 'Logs', language: 'text' },
  { kind: 'LokiLogQuery', outer: 'LogQuery', name: 'LogQL', language: 'logql' },
  { kind: 'JaegerTraceQuery', outer: 'TraceQuery', name: 'Traces', language: 'none' },
  { kind: 'VitrineSpanHeatMapQuery', outer: 'TraceQuery', name: 'Durations of spans', language: 'text' },
]

/** Returns an empty query of a kind. */
export function newQuery(kind: string): Query {
  const outer = QUERY_KINDS.find((each) => each.kind === kind)?.outer ?? 'TimeSeriesQuery'
  return { kind: outer, spec: { plugin: { kind, spec: kind === 'JaegerTraceQuery' ? { service: '' } : { query: '' } } } }
}

const MOST_LINES = 200
const MOST_TRACES = 20

/** Returns the step of a query: that of the page, or the longer one that it asks for. */
function stepOf(plugin: Plugin, time: TimeRange, values: Values): number {
  const least = durationSeconds(interpolate(textOf(plugin, 'minStep'), values))
  return Math.max(time.step, least ?? 0, 1)
}

/** Returns the names of variables that a query refers to and that have no value yet. */
export function waitsFor(queries: Query[], values: Values, variables: string[]): string[] {
  const names = namesIn(JSON.stringify(queries))
  return names.filter((name) => variables.includes(name) && values[name] === undefined)
}

/** Returns how a query is asked; null for an empty one. Throws a sentence for a kind that cannot be asked here. */
export function asked({ spec: { plugin } }: Query, chosen: Values, time: TimeRange, isInstant: boolean): Asked | null {
  const step = stepOf(plugin, time, chosen)
  const values = { ...builtIn(time, step), ...chosen }
  const query = interpolate(textOf(plugin, 'query'), values)
  if (query.trim() === '' && !['JaegerTraceQuery', 'VitrineSpanHeatMapQuery', 'VitrineLogQuery'].includes(plugin.kind)) return null
  const [start, end] = [Math.round(time.from), Math.round(time.to)]
  switch (plugin.kind) {
    case 'PrometheusTimeSeriesQuery':
      return { request: promRequest(query, time, step, isInstant || plugin.spec.instant === true), read: seriesReader(plugin, values) }
    case 'LokiTimeSeriesQuery':
      return { request: { path: withParameters('/loki/api/v1/query_range', { query, start: `${start}000000`, end: `${end}000000`, step }) }, read: seriesReader(plugin, values) }
    case 'VitrineSqlQuery':
      return { request: sqlRequest(query), read: readRows }
    case 'LokiLogQuery':
      return {
        request: { path: withParameters('/loki/api/v1/query_range', { query, start: `${start}000000`, end: `${end}000000`, limit: MOST_LINES, direction: textOf(plugin, 'direction') || 'backward' }) },
        read: async (response) => ({ kind: 'logs', lines: logsOfLoki(await jsonOf(response)) }),
      }
    case 'VitrineLogQuery':
      return { request: { path: withParameters('/api/logs', { query, start, end, limit: MOST_LINES }) }, read: async (response) => ({ kind: 'logs', lines: logsOfVitrine(await jsonOf(response)) }) }
    case 'JaegerTraceQuery':
      return { request: tracesRequest(plugin, values, time), read: async (response) => ({ kind: 'traces', traces: tracesOfSummaries(await jsonOf(response)) }) }
    case 'VitrineSpanHeatMapQuery':
      return { request: { path: withParameters('/api/heatmap', { query, start, end, spans: textOf(plugin, 'spans') }) }, read: async (response) => ({ kind: 'heat', heat: heatOfSpans(await jsonOf(response)) }) }
    default:
      throw new Error(`The console cannot ask queries of the kind ${plugin.kind}.`)
  }
}

function promRequest(query: string, time: TimeRange, step: number, isInstant: boolean): ApiRequest {
  if (isInstant) return { path: withParameters('/prometheus/api/v1/query', { query, time: Math.floor(time.to / 1000 / step) * step }) }
  return rangeRequest(query, time, step)
}

const seriesReader =
  (plugin: Plugin, values: Values) =>
  async (response: Response): Promise<Result> => {
    const format = interpolate(textOf(plugin, 'seriesNameFormat'), values)
    return { kind: 'series', series: readSeries(await jsonOf(response)).map((series) => ({ ...series, name: seriesName(series.labels, format) })) }
  }

async function readRows(response: Response): Promise<Result> {
  const lines = (await response.text()).split('\n').filter((line) => line !== '')
  const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const last = rows.at(-1)
  if (last !== undefined && Object.keys(last).join() === 'error') throw new Error(String(last.error))
  return { kind: 'rows', columns: Object.keys(rows[0] ?? {}), rows }
}

function tracesRequest(plugin: Plugin, values: Values, time: TimeRange): ApiRequest {
  const text = (name: string) => interpolate(textOf(plugin, name), values)
  return {
    path: withParameters('/jaeger/api/v3/trace-summaries', {
      'query.startTimeMin': new Date(time.from).toISOString(),
      'query.startTimeMax': new Date(time.to).toISOString(),
      'query.serviceName': text('service'),
      'query.operationName': text('operation'),
      'query.attributes': attributesOf(text('tags')),
      'query.durationMin': text('minDuration'),
      'query.durationMax': text('maxDuration'),
      'query.searchDepth': typeof plugin.spec.limit === 'number' ? plugin.spec.limit : MOST_TRACES,
    }),
  }
}

/** Returns JSON for tags as Jaeger's page takes them: JSON, or `key=value other="two words"`. */
function attributesOf(tags: string): string | undefined {
  if (tags.trim() === '') return undefined
  if (tags.trim().startsWith('{')) return tags
  const found = [...tags.matchAll(/([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)]
  return JSON.stringify(Object.fromEntries(found.map(([, key, quoted, plain]) => [key, quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''])))
}

/** Returns where the console asks the same question at length; null where it does not. */
export function exploreAddress({ spec: { plugin } }: Query, chosen: Values, time: TimeRange): { address: string; name: string } | null {
  const values = { ...builtIn(time, time.step), ...chosen }
  const q = interpolate(textOf(plugin, 'query'), values)
  switch (plugin.kind) {
    case 'PrometheusTimeSeriesQuery':
      return { address: addressOf('/metrics', { q }), name: 'Open in metrics' }
    case 'VitrineSqlQuery':
      return { address: addressOf('/sql', { q }), name: 'Open in SQL' }
    case 'VitrineLogQuery':
      return { address: addressOf('/logs', { q }), name: 'Open in logs' }
    case 'VitrineSpanHeatMapQuery':
      return { address: addressOf('/traces', { q }), name: 'Open in traces' }
    default:
      return null
  }
}

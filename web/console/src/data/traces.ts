// Traces over the observatory's own APIs: one as columns, one span whole, what was found, counts by time and duration, and what differs.
import { type ApiRequest, jsonOf, withParameters } from './http'
import { queryOf, useApi } from './use-api'

/** One trace. Row i of every array of `columns` is one span; a parent stands before its children, and what is below a span directly behind it. */
export interface TraceColumns {
  trace_id: string
  /** Nanoseconds since 1970. */
  start_ns: string
  duration_ns: number
  /** Rows told here. */
  spans: number
  /** Spans that the trace has. */
  total: number
  services: string[]
  names: string[]
  kinds: string[]
  messages: string[]
  columns: {
    id: string[]
    /** The row of the parent, or -1. */
    parent: number[]
    service: number[]
    name: number[]
    /** Nanoseconds after the trace's start. */
    start: number[]
    duration: number[]
    kind: number[]
    error: number[]
    /** The place in `messages`, or -1. */
    message: number[]
  }
  /** Which span the trace waited for, piece by piece. */
  critical_path: { span: number[]; start: number[]; end: number[]; likely: number[] }
  problems: TraceProblem[]
}

export interface TraceProblem {
  kind: 'cycle' | 'missing_parent' | 'several_roots' | 'duplicate_id' | 'starts_before_parent'
  count: number
  /** Rows of the first of them. */
  spans: number[]
  text: string
}

export interface Attribute {
  key: string
  type: 'string' | 'int' | 'double' | 'bool' | 'bytes' | 'array' | 'map' | 'empty'
  text: string
}

export interface SpanDetail {
  trace_id: string
  span_id: string
  parent_span_id: string | null
  service: string
  name: string
  kind: string
  status: 'unset' | 'ok' | 'error'
  status_message: string
  start_ns: string
  duration_ns: number
  trace_state: string
  flags: number
  attributes: Attribute[]
  events: { time_ns: string; offset_ns: number; name: string; attributes: Attribute[]; dropped_attributes: number }[]
  links: { trace_id: string; span_id: string; trace_state: string; flags: number; attributes: Attribute[]; dropped_attributes: number }[]
  resource: { attributes: Attribute[]; schema_url: string; dropped_attributes: number }
  scope: { name: string; version: string; attributes: Attribute[]; schema_url: string; dropped_attributes: number }
  dropped_attributes: number
  dropped_events: number
  dropped_links: number
}

/** More of a trace may still come, but seldom after its page was opened. */
const FRESH_MS = 60_000

const columnsRequest = (trace: string): ApiRequest => ({ path: `/api/traces/${encodeURIComponent(trace)}/columns` })

/** What reads a trace, ahead of being shown, or many of them. */
export const traceQuery = (trace: string) => ({ ...queryOf(columnsRequest(trace), jsonOf<TraceColumns>, FRESH_MS), retry: false })

/** Reads a trace; none while there is no id. */
export const useTrace = (trace: string) => useApi<TraceColumns>(trace === '' ? null : columnsRequest(trace), { staleMs: FRESH_MS, keep: false })

export const spanRequest = (trace: string, span: string): ApiRequest => ({ path: `/api/traces/${encodeURIComponent(trace)}/spans/${encodeURIComponent(span)}` })

/** What is known of a trace without reading its spans one by one; what is zero is left out. */
export interface TraceSummary {
  traceId: string
  rootServiceName?: string
  rootOperationName?: string
  minStartTimeUnixNano: string
  maxEndTimeUnixNano: string
  spanCount?: number
  errorSpanCount?: number
  orphanSpanCount?: number
  services?: { name: string; spanCount?: number; errorSpanCount?: number }[]
}

/** Whether all spans are looked at, or only those without a parent. */
export type Looked = 'all' | 'roots'

export interface Heatmap {
  query: string
  start_ns: string
  end_ns: string
  column_ns: number
  columns: number
  /** Row r is of durations from `row_bounds_ns[r]` to below the next. */
  row_bounds_ns: number[]
  cells: { column: number[]; row: number[]; count: number[]; errors: number[] }
  spans: number
  errors: number
  max_count: number
}

export const heatmapRequest = (query: string, from: number, to: number, spans: Looked): ApiRequest => ({
  path: withParameters('/api/heatmap', { query, start: Math.floor(from), end: Math.ceil(to), spans: spans === 'roots' ? spans : undefined }),
})

interface SpanSet {
  start?: string | number
  end?: string | number
  query?: string
  min_duration?: string | number
  max_duration?: string | number
}

export interface CompareRequest {
  scope: { start: string | number; end: string | number; query?: string; spans?: Looked }
  selection: SpanSet
  baseline?: SpanSet
  show_varied?: boolean
  time?: boolean
}

type AttributeOf = 'field' | 'attribute' | 'resource' | 'event'

export interface ComparedValue {
  /** Null where the attribute is absent. */
  value: string | null
  selected: number
  baseline: number
  selected_share: number
  baseline_share: number
  score: number
  /** A condition that picks it. */
  query: string | null
}

export interface ComparedAttribute {
  name: string
  of: AttributeOf
  score: number
  type: 'text' | 'number'
  values: ComparedValue[]
  distinct: number
  approximate: boolean
  same: { name: string; of: AttributeOf; value: string | null }[]
}

export interface TimeComparison {
  traces: { selected: number; baseline: number }
  complete: boolean
  total: { selected_ms: number; baseline_ms: number }
  operations: { service: string; operation: string; selected_ms: number; baseline_ms: number; difference_ms: number; likely: boolean }[]
}

export interface Comparison {
  spans: { selected: number; baseline: number }
  sample: number
  sampled: boolean
  attributes: ComparedAttribute[]
  hidden: { name: string; of: AttributeOf; distinct: number; spans: number }[]
  compared: number
  time: TimeComparison | null
}

export const compareRequest = (body: CompareRequest): ApiRequest => ({ method: 'POST', path: '/api/compare', body })

/** Returns milliseconds since 1970 for nanoseconds, with a fraction. */
export const msOf = (ns: string): number => Number(BigInt(ns) / 1000n) / 1000

/** Returns an operation's name without the package that gRPC puts before it: "CatalogService/Reserve". */
export const shortOperation = (name: string): string => name.replace(/^[\w.]+\.(?=\w+\/\w+$)/, '')

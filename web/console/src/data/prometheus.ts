// PromQL over Prometheus's API.
import type { TimeRange } from '../time'
import { type ApiRequest, withParameters } from './http'
import { type Reading, useApi } from './use-api'

export interface Series {
  labels: Record<string, string>
  /** Milliseconds since 1970. */
  times: number[]
  values: number[]
}

interface Matrix {
  data: { resultType: string; result: { metric: Record<string, string>; values?: [number, string][]; value?: [number, string] }[] }
}

/** Returns the request for a query at each step of a time range. */
export function rangeRequest(query: string, time: TimeRange, step = time.step): ApiRequest {
  const [start, end] = [Math.floor(time.from / 1000 / step) * step, Math.ceil(time.to / 1000 / step) * step]
  return { path: withParameters('/prometheus/api/v1/query_range', { query, start, end, step }) }
}

/** Returns the request for a query at one moment, in milliseconds since 1970. */
export function instantRequest(query: string, at: number): ApiRequest {
  return { path: withParameters('/prometheus/api/v1/query', { query, time: Math.round(at / 1000) }) }
}

/** Returns a value as Prometheus writes it: `+Inf` is one, too. */
export const numberOf = (text: string): number => Number(text.replace('Inf', 'Infinity'))

/** Returns the series of an answer of either kind. */
export function readSeries(answer: unknown): Series[] {
  return (answer as Matrix).data.result.map(({ metric, values, value }) => {
    const all = values ?? (value === undefined ? [] : [value])
    return { labels: metric, times: all.map(([time]) => time * 1000), values: all.map(([, text]) => numberOf(text)) }
  })
}

/** Reads a query at each step of a time range. */
export function useRange(query: string | null, time: TimeRange, step?: number): Reading<Series[]> {
  return useApi(query === null ? null : rangeRequest(query, time, step), { read: readSeries })
}

/** Reads a query at one moment. */
export function useInstant(query: string | null, at: number): Reading<Series[]> {
  return useApi(query === null ? null : instantRequest(query, at), { read: readSeries })
}

/** Returns a label's value as PromQL has it in quotes. */
export const promText = (value: string) => `"${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`

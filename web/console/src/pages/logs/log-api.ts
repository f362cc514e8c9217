// Log records as the API has them (docs/guide/logs.md), and the requests for them.
import { type ApiRequest, withParameters } from '../../data/http'
import type { TimeRange } from '../../time'

export type Attributes = Record<string, unknown>

export interface LogRecord {
  /** RFC 3339 with nanoseconds. */
  time: string
  cursor: string
  service?: string
  level?: Level
  severity?: number
  severity_text?: string
  event?: string
  /** Text as a rule; what a sender sent as a map or a list is that. */
  message: unknown
  trace?: string
  span?: string
  attributes?: Attributes
  resource?: Attributes
  scope?: { name?: string; version?: string; attributes?: Attributes }
  /** What matched: by field, ranges of its text in characters. */
  highlight?: Record<string, [number, number][]>
}

export const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const
export type Level = (typeof LEVELS)[number]

/** How levels are written where there is little room. */
export const LEVEL_SHORT: Record<Level, string> = { fatal: 'FTL', error: 'ERR', warn: 'WRN', info: 'INF', debug: 'DBG', trace: 'TRC' }

export interface CountsAnswer {
  step_seconds: number
  start: string
  counts: { time: string; by: { level?: Level | null }; records: number }[]
}

export interface FieldInfo {
  name: string
  kinds: string[]
  records: number
  distinct?: number
  values?: { value: string | number | boolean; records: number }[]
}

export interface FieldsAnswer {
  fields: FieldInfo[]
  visited: number
  complete: boolean
}

export interface Pattern {
  /** The number of the template, by which a query finds it. */
  template: number
  pattern: string
  records: number
  levels: Partial<Record<Level, number>>
  services: string[]
  last: string
  example: string
}

export interface PatternsAnswer {
  patterns: Pattern[]
  other: number
  distinct: number
  visited: number
  complete: boolean
}

/** What is asked about. */
export interface Scope {
  query: string
  /** Milliseconds since 1970. */
  from: number
  to: number
}

const scoped = ({ query, from, to }: Scope) => ({ query, start: Math.floor(from), end: Math.ceil(to) })

export const searchRequest = (scope: Scope, more: { limit: number; after?: string; order?: 'oldest' }): ApiRequest => ({
  path: withParameters('/api/logs', { ...scoped(scope), ...more }),
})

export const contextRequest = (cursor: string, before: number, after: number): ApiRequest => ({
  path: withParameters('/api/logs/context', { cursor, before, after }),
})

export const countsRequest = (scope: Scope, step: string, by?: string): ApiRequest => ({
  path: withParameters('/api/logs/counts', { ...scoped(scope), step, by }),
})

export const fieldsRequest = (scope: Scope): ApiRequest => ({
  path: withParameters('/api/logs/fields', { ...scoped(scope), limit: 60, values: 8 }),
})

export const patternsRequest = (scope: Scope): ApiRequest => ({
  path: withParameters('/api/logs/patterns', { ...scoped(scope), limit: 100 }),
})

export const exportPath = (scope: Scope) => withParameters('/api/logs/export', scoped(scope))

export const tailRequest = (query: string): ApiRequest => ({ path: withParameters('/api/logs/tail', { query }) })

/** Returns what is asked about, its time rounded so that looking again soon is answered out of memory. */
export function scopeOf(query: string, { from, to, step }: TimeRange): Scope {
  const grain = step * 1000
  return { query, from: Math.floor(from / grain) * grain, to: Math.ceil(to / grain) * grain }
}

/** Returns milliseconds since 1970 of a record. */
export const timeOf = ({ time }: LogRecord) => Date.parse(time.replace(/(\.\d{3})\d+/, '$1'))

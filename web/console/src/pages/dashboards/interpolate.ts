// Variables in texts, as Perses writes them: `$name`, `${name}`, `${name:format}`.
import type { TimeRange } from '../../time'

/** A variable's value: one, or several of a list. */
export type Values = Record<string, string | string[]>

const REFERENCE = /\$\{(\w+)(?::(\w+))?\}|\$(\w+)/g

/** Returns the names of the variables that a text refers to. */
export function namesIn(text: string): string[] {
  return [...new Set([...text.matchAll(REFERENCE)].map((match) => match[1] ?? match[3] ?? ''))]
}

/** Returns a text with values in the places of variables. One that is not known stays as it is. */
export function interpolate(text: string, values: Values): string {
  return text.replace(REFERENCE, (whole, braced: string | undefined, format: string | undefined, plain: string | undefined) => {
    const name = braced ?? plain ?? ''
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) return whole
    return typeof value === 'string' ? formatted([value], name, format ?? 'raw') : formatted(value, name, format ?? 'prometheus')
  })
}

function formatted(values: string[], name: string, format: string): string {
  switch (format.toLowerCase()) {
    case 'raw':
    case 'csv':
      return values.join(',')
    case 'distributed':
      return values.map((value, place) => (place === 0 ? value : `${name}=${value}`)).join(',')
    case 'doublequote':
      return values.map((value) => `"${value}"`).join(',')
    case 'glob':
      return `{${values.join(',')}}`
    case 'json':
      return JSON.stringify(values)
    case 'lucene':
      return `(${values.map((value) => `"${value}"`).join(' OR ')})`
    case 'percentencode':
      return encodeURIComponent(values.join(','))
    case 'pipe':
      return values.join('|')
    case 'queryparam':
      return values.map((value) => `${name}=${encodeURIComponent(value)}`).join('&')
    case 'regex':
      return `(${values.map((value) => value.replace(/[-/\\^$*+?.()|[\]{}]/g, '\\$&')).join('|')})`
    case 'singlequote':
      return values.map((value) => `'${value}'`).join(',')
    case 'sqlstring':
      return values.map((value) => `'${value.replaceAll("'", "''")}'`).join(',')
    case 'text':
      return values.join(' + ')
    default:
      return `(${values.join('|')})`
  }
}

/** How often what is watched tells of itself, in seconds: a rate needs four of these. */
const TELLING_SECONDS = 15

/** Returns a number of seconds as PromQL writes it. */
export const promDuration = (seconds: number): string => `${Math.max(1, Math.round(seconds))}s`

/** Returns what every text may refer to: the time range and its step, in PromQL's words and in SQL's. */
export function builtIn(time: TimeRange, step: number): Values {
  const range = (time.to - time.from) / 1000
  return {
    __interval: promDuration(step),
    __interval_ms: String(step * 1000),
    __rate_interval: promDuration(Math.max(step + TELLING_SECONDS, 4 * TELLING_SECONDS)),
    __range: promDuration(range),
    __range_s: String(Math.round(range)),
    __range_ms: String(Math.round(range * 1000)),
    __from: String(Math.round(time.from)),
    __to: String(Math.round(time.to)),
    __time_from: `TIMESTAMP '${new Date(time.from).toISOString()}'`,
    __time_to: `TIMESTAMP '${new Date(time.to).toISOString()}'`,
    __step: `INTERVAL '${Math.max(1, Math.round(step))} seconds'`,
  }
}

const UNIT_SECONDS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 7 * 86400, y: 365 * 86400 }

/** Returns seconds for "1h30m"; null if it is no duration. */
export function durationSeconds(text: string): number | null {
  const trimmed = text.trim()
  if (!/^(\d+(?:\.\d+)?(ms|[smhdwy]))+$/.test(trimmed)) return null
  return [...trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 0), 0)
}

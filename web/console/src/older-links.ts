// Links to pages that were there before the console: alerts that were sent, bookmarks and notes go on leading to what they meant.
import { readDuration } from './durations'
import { ADDRESS_VERSION } from './router'

/** How far back the pages looked where their address did not say it. */
const USUAL = { logs: '1h', metrics: '1h', serviceGraph: '15m' }

/** Returns today's address for one of an earlier page; null for all others. */
export function upgraded(path: string, search: string): string | null {
  const old = new URLSearchParams(search)
  // All addresses of the console with parameters say their version.
  if (old.has('v')) return null
  switch (path) {
    case '/':
      return home(old)
    case '/logs':
      return logs(old)
    case '/explore':
      return explore(old)
    case '/graph':
      return prometheusGraph(old)
    case '/service-graph':
      return address('/', { from: since(old.get('range') ?? USUAL.serviceGraph) })
    case '/alerts/rule':
      return address('/alerts', { tab: 'rules', open: [old.get('file'), old.get('group'), old.get('rule')].join(';') })
    case '/funnel':
      return address('/visits', {})
    default:
      return null
  }
}

function home(old: URLSearchParams): string | null {
  const [query, service] = [old.get('query'), old.get('service')]
  if (query === null && service === null) return null
  return address('/traces', { q: query ?? `service:${term(service ?? '')}` })
}

/** Returns a value as the text of a query has it. */
const term = (value: string) => (/^[\w.-]+$/.test(value) ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`)

function logs(old: URLSearchParams): string | null {
  if (!['query', 'since', 'start', 'end', 'around', 'after', 'view'].some((name) => old.has(name))) return null
  const view = old.get('view') === 'patterns' ? 'patterns' : null
  return address('/logs', { q: old.get('query'), ...logTime(old), view, at: old.get('around') ?? old.get('after') })
}

function logTime(old: URLSearchParams): { from: string | null; to: string | null } {
  const [length, start, end] = [old.get('since'), moment(old.get('start')), moment(old.get('end'))]
  if (length !== null || (start === null && end === null)) return { from: since(length ?? USUAL.logs), to: null }
  const from = start ?? end! - lengthMs(USUAL.logs)!
  return { from: String(Math.floor(from)), to: end === null ? null : String(Math.ceil(end)) }
}

function explore(old: URLSearchParams): string {
  const [expression, focus] = [old.get('expr')?.trim() ?? '', old.get('focus')?.trim() ?? '']
  if (expression === '' && focus === '') return address('/metrics', {})
  return address('/metrics', { q: expression === '' ? valuesOf(focus) : expression, from: since(old.get('range') ?? USUAL.metrics) })
}

/** Returns the query for the values of a label, by how many series have them. */
function valuesOf(label: string): string {
  const name = /^[a-zA-Z_]\w*$/.test(label) ? label : `"${label.replace(/[\\"]/g, '\\$&')}"`
  return `sort_desc(count by (${name}) ({${name}!=""}))`
}

/** Prometheus's own page, to which alerts lead. */
function prometheusGraph(old: URLSearchParams): string {
  const range = old.get('g0.range_input')
  const end = moment(old.get('g0.end_input') ?? old.get('g0.moment_input'))
  const length = lengthMs(range ?? USUAL.metrics) ?? lengthMs(USUAL.metrics)!
  const time = end === null ? { from: range === null ? null : since(range), to: null } : { from: String(end - length), to: String(end) }
  const expressions = [...old].filter(([name]) => /^g\d+\.expr$/.test(name)).map(([, expression]) => expression)
  return address('/metrics', { q: expressions, ...time })
}

function address(path: string, parameters: Record<string, string | string[] | null>): string {
  const search = new URLSearchParams()
  for (const [name, values] of Object.entries(parameters)) for (const value of [values ?? []].flat()) if (value !== '') search.append(name, value)
  if (search.size === 0) return path
  search.set('v', ADDRESS_VERSION)
  return `${path}?${search}`
}

/** Returns milliseconds for a duration such as `1h30m`; null if it is none. */
function lengthMs(text: string): number | null {
  const ns = readDuration(text)
  return ns === null ? null : ns / 1e6
}

/** Returns the beginning of a time that ends now: `now-90m`; null if it is none. */
const since = (length: string): string | null => (readDuration(length) === null ? null : `now-${length}`)

/** Returns milliseconds since 1970 for a time as text, or as a whole number of seconds or parts of them, whichever its size says. */
function moment(text: string | null): number | null {
  if (text === null || text === '') return null
  if (/^\d+$/.test(text)) {
    const value = Number(text)
    return [1e11, 1e14, 1e17].reduce((ms, bound) => (value >= bound ? ms / 1e3 : ms), value * 1e3)
  }
  // Prometheus's pages write times without a zone, and mean UTC.
  const utc = /^\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?$/.test(text) ? `${text.replace(' ', 'T')}Z` : text
  const ms = Date.parse(utc)
  return Number.isNaN(ms) ? null : ms
}

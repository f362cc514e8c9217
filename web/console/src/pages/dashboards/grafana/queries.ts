// Grafana's queries as the dashboard's.
import type { Query } from '../document'
import { type Json, number, objects, references, type SourcePanel, type SourceTarget, text } from './source'

const timeSeries = (kind: string, spec: Json): Query => ({ kind: 'TimeSeriesQuery', spec: { plugin: { kind, spec } } })

/** Returns what a panel asks, and out of what it was made; what cannot be asked is told to `lose`. */
export function queriesOf(panel: SourcePanel, lose: (why: string) => void): { query: Query; target: SourceTarget }[] {
  return panel.targets.flatMap((target) => {
    const query = queryOf(target, panel)
    if (typeof query !== 'string') return { query, target }
    if (query !== '') lose(`query ${target.refId || '?'}: ${query}`)
    return []
  })
}

function queryOf({ source, spec }: SourceTarget, panel: SourcePanel): Query | string {
  const expr = references(text(spec.expr))
  switch (source) {
    case 'prometheus':
    case 'grafana-amazonprometheus-datasource':
    case 'victoriametrics-metrics-datasource':
      // A target that was never filled in.
      return expr.trim() === '' ? '' : prometheusQuery(expr, spec, panel)
    case 'loki':
      if (expr.trim() === '') return ''
      return panel.type === 'logs' || isSelector(expr) ? { kind: 'LogQuery', spec: { plugin: { kind: 'LokiLogQuery', spec: { query: expr } } } } : timeSeries('LokiTimeSeriesQuery', { query: expr, ...named(spec) })
    case 'jaeger':
    case 'tempo':
      return traceQuery(source, spec)
    case '__expr__':
      return 'expressions over other queries cannot be computed here'
    case '':
    case 'datasource':
    case 'grafana':
      return 'its data is made by Grafana itself'
    default:
      return `its data source is of the type ${source}, which there is none of here`
  }
}

const isSelector = (expr: string) => expr.trimStart().startsWith('{') && !/\b(rate|count_over_time|bytes_rate)\s*\(/.test(expr)

function named(spec: Json): Json {
  const format = references(text(spec.legendFormat))
  return format === '' || format === '__auto' ? {} : { seriesNameFormat: format }
}

function prometheusQuery(query: string, spec: Json, panel: SourcePanel): Query {
  const interval = references(text(spec.interval) || panel.interval).replace(/^>/, '')
  const isInstant = spec.instant === true && spec.range !== true
  return timeSeries('PrometheusTimeSeriesQuery', { query, ...named(spec), ...(interval === '' ? {} : { minStep: interval }), ...(isInstant ? { instant: true } : {}) })
}

function traceQuery(source: string, spec: Json): Query | string {
  const get = (name: string) => references(text(spec[name]))
  let found: Json
  if (source === 'jaeger') {
    found = { service: get('service'), operation: get('operation') === 'All' ? '' : get('operation'), tags: get('tags'), minDuration: get('minDuration'), maxDuration: get('maxDuration'), limit: number(spec.limit) }
  } else {
    if (text(spec.queryType) === 'serviceMap') return 'the service map is a panel of its own here'
    const filter = (tag: string) => objects(spec.filters).find((each) => each.tag === tag && each.operator === '=')?.value
    const service = [filter('service.name')].flat().map(text)[0] ?? ''
    if (service === '') return 'TraceQL cannot be asked here; the page of traces finds spans by conditions'
    found = { service, operation: [filter('name')].flat().map(text)[0] ?? '', limit: number(spec.limit) }
  }
  const plugin = { kind: 'JaegerTraceQuery', spec: Object.fromEntries(Object.entries(found).filter(([, value]) => value !== '' && value !== undefined)) }
  return { kind: 'TraceQuery', spec: { plugin } }
}


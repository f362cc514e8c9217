// What is asked of one service: PromQL over the series from its spans, and statements.
import { promText } from '../../data/prometheus'
import { sqlText } from '../../data/sql'
import { type Moments, within } from '../../failures/failure-data'
import { together } from '../overview/map-data'

/** Which spans of a service count: what others ask of it, or all. */
export type Which = 'in' | 'all'

const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 }

export interface Of {
  service: string
  which: Which
  operation: string
}

/** Returns the matchers of a service's series. */
function matchers({ service, which, operation }: Of, more: string[] = []): string {
  const kinds = which === 'in' ? ['span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"'] : []
  const name = operation === '' ? [] : [`span_name=${promText(operation)}`]
  return `{${[`service=${promText(service)}`, ...name, ...kinds, ...more].join(', ')}}`
}

const FAILED = 'status_code="STATUS_CODE_ERROR"'

/** Returns the query for rate, failures and durations, labelled by `is`; `by` keeps them apart by labels. */
function redQuery(of: Of, over: number, quantiles: Partial<Record<keyof typeof QUANTILES, number>>, by = ''): string {
  const sum = (series: string, more: string[] = []) => `sum${by} (rate(${series}${matchers(of, more)}[${over}s]))`
  const durations = Object.entries(quantiles).map(([name, share]) => [name, `histogram_quantile(${share}, ${sum('traces_spanmetrics_latency')})`])
  return together({ calls: sum('traces_spanmetrics_calls_total'), failed: sum('traces_spanmetrics_calls_total', [FAILED]), ...Object.fromEntries(durations) })
}

/** Returns the query for a service's charts. */
export const chartsQuery = (of: Of, over: number): string => redQuery(of, over, QUANTILES)

/** Returns the query for a service's operations. */
export const operationsQuery = (of: Of, over: number): string => redQuery({ ...of, operation: '' }, over, { p50: 0.5, p95: 0.95 }, ' by (span_name, span_kind)')

/** Returns what the exemplars of a service are asked of. */
export const exemplarsQuery = (of: Of): string => `traces_spanmetrics_latency_bucket${matchers(of)}`

/** Returns the statement for the same as the charts show, step by step. */
export function redStatement({ service, which, operation }: Of, time: Moments, step: number): string {
  const kinds = which === 'in' ? ` AND kind IN ('server', 'consumer')` : ''
  const name = operation === '' ? '' : ` AND name = ${sqlText(operation)}`
  return `SELECT time_bucket('${step} seconds', time) AS step, count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS failed,
  approx_percentile_cont(duration_ms(duration_ns), 0.5) AS p50_ms, approx_percentile_cont(duration_ms(duration_ns), 0.95) AS p95_ms, approx_percentile_cont(duration_ms(duration_ns), 0.99) AS p99_ms
FROM spans WHERE service = ${sqlText(service)}${name}${kinds} AND ${within(time)}
GROUP BY 1 ORDER BY 1`
}

/** Returns the statement for the processes that a service ran in. */
export const instancesStatement = (service: string, time: Moments): string =>
  `SELECT coalesce(attr(resource, 'service.instance.id'), '') AS instance, coalesce(attr(resource, 'service.version'), '') AS version,
  coalesce(attr(resource, 'host.name'), attr(resource, 'k8s.pod.name'), '') AS host, count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS failed,
  approx_percentile_cont(duration_ms(duration_ns), 0.95) AS p95_ms, min(time) AS first, max(time) AS last
FROM spans WHERE service = ${sqlText(service)} AND ${within(time)}
GROUP BY 1, 2, 3 ORDER BY last DESC LIMIT 100`

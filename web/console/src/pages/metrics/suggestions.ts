// What one asks of a metric mostly, by its type.
import { promText } from '../../data/prometheus'

export interface Known {
  type: string
  help: string
  unit: string
}

export interface Metric {
  name: string
  known: Known | undefined
  /** The metric of whose parts it is: `x` for `x_bucket`. */
  family: string
}

interface Suggestion {
  what: string
  query: string
}

const WINDOW = '5m'
const PARTS = /_(bucket|count|sum|total|created)$/

/** Returns the metrics with what is known of them. */
export function metricsOf(names: string[], metadata: Record<string, Known[]>): Metric[] {
  return names.map((name) => {
    const family = metadata[name] ? name : name.replace(PARTS, '')
    return { name, family, known: metadata[family]?.[0] }
  })
}

const selector = (name: string) => (/^[a-zA-Z_:][\w:]*$/.test(name) ? name : `{${promText(name)}}`)

/** Whether a metric only ever rises, or is a histogram's count. */
const isCounter = ({ name, known }: Metric) => known?.type === 'counter' || /_(total|count|sum|bucket)$/.test(name)

/** Returns queries for a metric. */
export function suggestionsFor(metric: Metric): Suggestion[] {
  const { name, family, known } = metric
  const rate = (name: string) => `rate(${selector(name)}[${WINDOW}])`
  if (name.endsWith('_bucket')) {
    return [
      { what: '95th percentile', query: `histogram_quantile(0.95, sum by (le) (${rate(name)}))` },
      { what: 'Median', query: `histogram_quantile(0.5, sum by (le) (${rate(name)}))` },
      { what: 'Mean', query: `sum(${rate(`${family}_sum`)}) / sum(${rate(`${family}_count`)})` },
      { what: 'A second', query: `sum(${rate(`${family}_count`)})` },
    ]
  }
  if (known?.type === 'histogram' && name === family) {
    return [
      { what: '95th percentile', query: `histogram_quantile(0.95, sum(${rate(name)}))` },
      { what: 'A second', query: `histogram_count(sum(${rate(name)}))` },
    ]
  }
  if (isCounter(metric)) {
    return [
      { what: 'A second', query: `sum(${rate(name)})` },
      { what: 'In an hour', query: `sum(increase(${selector(name)}[1h]))` },
    ]
  }
  return [
    { what: 'As it is', query: selector(name) },
    { what: 'Mean', query: `avg(${selector(name)})` },
    { what: 'Greatest', query: `max(${selector(name)})` },
  ]
}

/** Returns the query that tells a label's values apart. */
export function byLabel(metric: Metric, label: string): string {
  const { name } = metric
  if (name.endsWith('_bucket')) return `histogram_quantile(0.95, sum by (le, ${label}) (rate(${selector(name)}[${WINDOW}])))`
  return isCounter(metric) ? `sum by (${label}) (rate(${selector(name)}[${WINDOW}]))` : `avg by (${label}) (${selector(name)})`
}

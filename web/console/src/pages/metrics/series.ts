// Series of several queries as the lines of one chart.
import type { Series } from '../../data/prometheus'
import { aligned, greatest } from '../../data/series'
import type { Unit } from '../../format'
import type { Line } from '../../parts/time-chart'

/** Lines that a chart has; more cannot be told apart. */
export const MOST_LINES = 60

/** Returns how a series is called: its name, and the labels in which it differs from others of its query; of a single label its value alone. */
export function seriesName(labels: Record<string, string>, common: Record<string, string>, isByOne = false): string {
  const { __name__: name = '', ...others } = labels
  const own = Object.entries(others).filter(([label]) => !(label in common))
  const isNamed = name !== '' && !('__name__' in common)
  if (isByOne && !isNamed) return own[0]?.[1].slice(0, 200) || '(none)'
  const text = own.map(([label, value]) => `${label}="${value.slice(0, 120)}"`).join(', ')
  return [isNamed ? name : '', text === '' ? '' : `{${text}}`].join('') || name || 'value'
}

/** Returns the labels that all series of a query have alike. */
function commonLabels(all: Series[]): Record<string, string> {
  const first = all[0]
  if (first === undefined || all.length === 1) return {}
  return Object.fromEntries(Object.entries(first.labels).filter(([label, value]) => all.every(({ labels }) => labels[label] === value)))
}

export interface Found {
  /** The letter by which the query is called; empty if it is the only one. */
  letter: string
  series: Series[]
}

/** Returns one axis of times, and a line for each series: of too many the greatest. */
export function linesOf(found: Found[]): { times: number[]; lines: Line[]; all: number } {
  const all = found.flatMap(({ letter, series }) => {
    const common = commonLabels(series)
    const own = new Set(series.flatMap(({ labels }) => Object.keys(labels).filter((label) => !(label in common))))
    const isByOne = series.length > 1 && own.size === 1 && !own.has('__name__')
    return series.map(({ labels, times, values }) => ({ name: `${letter === '' ? '' : `${letter} `}${seriesName(labels, common, isByOne)}`, times, values }))
  })
  return { ...aligned(greatest(all, MOST_LINES)), all: all.length }
}

/** Returns the unit in which a query's values are, by the name of its metric; a rate of seconds is a share. */
export function unitOf(query: string): Unit {
  const isRate = /\b(rate|irate|increase)\s*\(/.test(query)
  if (/_(seconds|latency)(_bucket|_sum)?\b/.test(query) && (!isRate || /histogram_quantile|_sum\b.*\/.*_count\b/s.test(query))) return 'seconds'
  if (/_bytes\b|_bytes_total\b/.test(query) && !/_count\b/.test(query)) return 'bytes'
  return 'short'
}

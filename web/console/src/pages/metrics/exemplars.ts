// Single measurements of the metrics that queries name, with the traces in which they were taken.
import { withParameters } from '../../data/http'
import { useApi } from '../../data/use-api'
import type { TimeRange } from '../../time'
import type { Asked } from './state'

export interface TracedValue {
  /** Milliseconds since 1970. */
  time: number
  value: number
  traceId: string
  spanId: string | undefined
  labels: string
}

interface Answered {
  data: { seriesLabels: Record<string, string>; exemplars: { labels: Record<string, string>; value: string; timestamp: number }[] }[]
}

/** Most that are drawn; of more, the greatest of each piece of the time. */
const MOST = 300
/** Labels that do not tell one measurement from another. */
const LEFT_OUT = new Set(['__name__', 'le', 'job', 'instance', 'span_kind', 'status_code'])

export function useExemplars(asked: Asked[], time: TimeRange): { values: TracedValue[]; error: Error | null; isRead: boolean } {
  const query = asked[0]?.text
  const grain = time.step * 1000
  const request = query === undefined ? null : { path: withParameters('/prometheus/api/v1/query_exemplars', { query, start: (Math.floor(time.from / grain) * grain) / 1000, end: (Math.ceil(time.to / grain) * grain) / 1000 }) }
  const { data, error } = useApi(request, { read: valuesOf })
  return { values: query === undefined ? [] : (data ?? []), error: query === undefined ? null : error, isRead: data !== undefined }
}

function valuesOf(answer: unknown): TracedValue[] {
  const all = (answer as Answered).data.flatMap(({ seriesLabels, exemplars }) =>
    exemplars.flatMap(({ labels, value, timestamp }): TracedValue[] => {
      const traceId = labels.trace_id ?? labels.traceID ?? labels.traceId
      return traceId ? [{ time: timestamp * 1000, value: Number(value), traceId, spanId: labels.span_id, labels: labelsText(seriesLabels) }] : []
    }),
  )
  return all.length <= MOST ? all : all.toSorted((a, b) => b.value - a.value).slice(0, MOST)
}

const labelsText = (labels: Record<string, string>) =>
  Object.entries(labels)
    .filter(([name, value]) => !LEFT_OUT.has(name) && value.length < 80)
    .slice(0, 4)
    .map(([, value]) => value)
    .join(' · ')

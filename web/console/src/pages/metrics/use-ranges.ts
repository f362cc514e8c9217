// Several queries at once, each of which may fail alone.
import { keepPreviousData, useQueries } from '@tanstack/react-query'
import { type ApiRequest, jsonOf } from '../../data/http'
import { rangeRequest, readSeries } from '../../data/prometheus'
import { AGAIN, queryOf, type Reading } from '../../data/use-api'
import type { TimeRange } from '../../time'
import type { Found } from './series'
import type { Asked } from './state'

export interface Ranges {
  /** What was found, as one reading. */
  reading: Reading<Found[]>
  failures: { letter: string; error: Error; retry: () => void }[]
  /** What Prometheus says beside the result. */
  notes: string[]
  requests: ApiRequest[]
}

interface Noted {
  warnings?: string[]
  infos?: string[]
}

const answered = (answer: unknown) => ({ series: readSeries(answer), notes: [...((answer as Noted).warnings ?? []), ...((answer as Noted).infos ?? [])] })

/** Reads queries at each step of a time range. */
export function useRanges(asked: Asked[], time: TimeRange, step: number): Ranges {
  const requests = asked.map(({ text }) => rangeRequest(text, time, step))
  const results = useQueries({
    queries: requests.map((request) => ({
      ...queryOf(request, jsonOf<unknown>),
      select: answered,
      ...AGAIN,
      placeholderData: keepPreviousData,
    })),
  })
  const failures = results.flatMap(({ error, isFetching, refetch }, place) => (error && !isFetching ? [{ letter: asked[place]!.letter, error, retry: () => void refetch() }] : []))
  const isFetching = results.some((result) => result.isFetching)
  const found = results.flatMap(({ data, error }, place) => (data && !error ? [{ letter: asked.length > 1 ? asked[place]!.letter : '', series: data.series }] : []))
  const isReady = found.length > 0 || failures.length === asked.length
  const reading = {
    data: isReady ? found : undefined,
    error: null,
    isFetching,
    isPlaceholderData: results.some((result) => result.isPlaceholderData),
    fetchStatus: isFetching ? 'fetching' : 'idle',
    refetch: () => results.forEach((result) => void result.refetch()),
    request: requests[0] ?? null,
  } as unknown as Reading<Found[]>
  return { reading, failures, notes: [...new Set(results.flatMap(({ data }) => data?.notes ?? []))], requests }
}

// Several queries at once, each of which may fail alone.
import { keepPreviousData, useQueries } from '@tanstack/react-query'
import { json, type ApiRequest } from '../../data/http'
import { rangeRequest, readSeries, type Series } from '../../data/prometheus'
import { AGAIN, type Reading } from '../../data/use-api'
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

interface Answered {
  series: Series[]
  notes: string[]
}

const noted = (answer: { warnings?: string[]; infos?: string[] }) => [...(answer.warnings ?? []), ...(answer.infos ?? [])]

/** Reads queries at each step of a time range. */
export function useRanges(asked: Asked[], time: TimeRange, step: number): Ranges {
  const requests = asked.map(({ text }) => rangeRequest(text, time, step))
  const results = useQueries({
    queries: requests.map((request) => ({
      queryKey: ['api', request, 'noted'],
      queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Answered> => {
        const answer = await json<{ warnings?: string[]; infos?: string[] }>(request, signal)
        return { series: readSeries(answer), notes: noted(answer) }
      },
      staleTime: 2000,
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

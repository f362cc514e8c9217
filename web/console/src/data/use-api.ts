// How components read: one hook over TanStack Query, which keeps what was there while newer data is on its way.
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { useMemo } from 'react'
import { type ApiRequest, ApiError, send, jsonOf } from './http'

export type Reading<Data> = UseQueryResult<Data, Error> & { request: ApiRequest | null }

export interface ReadingOptions {
  /** For how long an answer is good without asking again. */
  staleMs?: number
  /** How often it is asked again by itself. */
  refetchMs?: number | false
  /** Whether the answer to the request before is shown until the new one comes. */
  keep?: boolean
}

/** What is refused because too many ask at once is asked again, a few times; whatever else is refused is told. */
export const AGAIN = {
  retry: (times: number, error: Error) => times < 4 && error instanceof ApiError && (error.status === 429 || error.status === 503),
  retryDelay: (times: number) => 400 * 2 ** times,
}

/**
 * Returns how TanStack Query asks, and by what it knows the answer. Whoever asks the same finds the same: so what is kept is the answer, and not
 * what one of them makes of it.
 */
export const queryOf = <Answer>(request: ApiRequest | null, read: (response: Response) => Promise<Answer>, staleMs = 2000) => ({
  queryKey: ['api', request],
  queryFn: async ({ signal }: { signal: AbortSignal }) => read(await send(request!, signal)),
  staleTime: staleMs,
})

/**
 * Reads what a request is answered with, again whenever the request changes. None is sent while it is `null`. `read` makes what the page wants
 * of the JSON, by nothing but the request; without it, it is the JSON itself.
 */
export function useApi<Data>(request: ApiRequest | null, options: ReadingOptions & { read?: (json: unknown) => Data } = {}): Reading<Data> {
  const { read = (json: unknown) => json as Data, ...rest } = options
  // Each drawing has a function of its own; a new one would make all of it anew.
  const select = useMemo(() => read, [JSON.stringify(request)])
  return useReading(request, jsonOf<unknown>, select, rest)
}

/** The same for answers that are no JSON. */
export const useResponse = <Data>(request: ApiRequest | null, read: (response: Response) => Promise<Data>, options?: ReadingOptions): Reading<Data> => useReading(request, read, undefined, options)

function useReading<Answer, Data>(request: ApiRequest | null, read: (response: Response) => Promise<Answer>, select: ((answer: Answer) => Data) | undefined, options: ReadingOptions = {}): Reading<Data> {
  const { staleMs, refetchMs = false, keep = true } = options
  const reading = useQuery<Answer, Error, Data>({
    ...queryOf(request, read, staleMs),
    select,
    enabled: request !== null,
    refetchInterval: refetchMs,
    placeholderData: keep ? keepPreviousData : undefined,
    ...AGAIN,
  })
  return Object.assign(reading, { request })
}

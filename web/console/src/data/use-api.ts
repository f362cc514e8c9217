// How components read: one hook over TanStack Query, which keeps what was there while newer data is on its way.
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query'
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
 * Reads what a request is answered with, again whenever the request changes. None is sent while it is `null`. `read` makes what the page wants
 * of the JSON; without it, it is the JSON itself.
 */
export function useApi<Data>(request: ApiRequest | null, options: ReadingOptions & { read?: (json: unknown) => Data } = {}): Reading<Data> {
  const { read = (json: unknown) => json as Data, ...rest } = options
  return useResponse(request, async (response) => read(await jsonOf(response)), rest)
}

/** The same for answers that are no JSON. */
export function useResponse<Data>(request: ApiRequest | null, read: (response: Response) => Promise<Data>, options: ReadingOptions = {}): Reading<Data> {
  const { staleMs = 2000, refetchMs = false, keep = true } = options
  const reading = useQuery<Data, Error>({
    queryKey: ['api', request],
    queryFn: async ({ signal }) => read(await send(request!, signal)),
    enabled: request !== null,
    staleTime: staleMs,
    refetchInterval: refetchMs,
    placeholderData: keep ? keepPreviousData : undefined,
    ...AGAIN,
  })
  return Object.assign(reading, { request })
}

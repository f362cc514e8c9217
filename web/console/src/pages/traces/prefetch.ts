// A trace that is about to be opened is read before the click.
import type { QueryClient } from '@tanstack/react-query'
import { json } from '../../data/http'
import { columnsRequest, type TraceColumns } from '../../data/traces'

/** The same as the trace's page reads. */
export const traceQuery = (id: string) => {
  const request = columnsRequest(id)
  return { queryKey: ['api', request], queryFn: ({ signal }: { signal: AbortSignal }) => json<TraceColumns>(request, signal), staleTime: 60_000, retry: false }
}

export function prefetchTrace(client: QueryClient, id: string) {
  void client.prefetchQuery(traceQuery(id))
}

// Reads ahead what a click will need, as soon as the place is pointed at or has the focus.
import type { QueryClient } from '@tanstack/react-query'
import { json, send } from '../data/http'
import { rowsOf, sqlRequest } from '../data/sql'
import { columnsRequest } from '../data/traces'
import type { TimeRange } from '../time'
import { failuresStatement, type Place } from './failure-data'

const FRESH_MS = 10_000

/** Reads the failures of a place, for the drawer to find them. */
export function readAhead(client: QueryClient, place: Place, time: TimeRange) {
  const request = sqlRequest(failuresStatement(place, time))
  void client.prefetchQuery({ queryKey: ['api', request], queryFn: async ({ signal }) => rowsOf(await send(request, signal)), staleTime: FRESH_MS, retry: false })
}

/** Reads a trace, and the code of the page that shows it. */
export function readTraceAhead(client: QueryClient, trace: string) {
  void import('../pages/trace/trace')
  const request = columnsRequest(trace)
  void client.prefetchQuery({ queryKey: ['api', request], queryFn: async ({ signal }) => json(request, signal), staleTime: 60_000, retry: false })
}

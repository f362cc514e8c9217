// Reads ahead what a click will need, as soon as the place is pointed at or has the focus.
import type { QueryClient } from '@tanstack/react-query'
import { rowsOf, sqlRequest } from '../data/sql'
import { traceQuery } from '../data/traces'
import { queryOf } from '../data/use-api'
import type { TimeRange } from '../time'
import { failuresStatement, type Place } from './failure-data'

const FRESH_MS = 10_000

/** Reads the failures of a place, for the drawer to find them. */
export function readFailuresAhead(client: QueryClient, place: Place, time: TimeRange) {
  void client.prefetchQuery({ ...queryOf(sqlRequest(failuresStatement(place, time)), rowsOf, FRESH_MS), retry: false })
}

/** Reads a trace, and the code of the page that shows it. */
export function readTraceAhead(client: QueryClient, trace: string) {
  void import('../pages/trace/trace')
  void client.prefetchQuery(traceQuery(trace))
}

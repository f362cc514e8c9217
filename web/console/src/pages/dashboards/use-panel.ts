// Reads what a panel shows: all of its queries side by side. One that fails does not take the others with it.
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { type ApiRequest, ApiError, send } from '../../data/http'
import type { Reading } from '../../data/use-api'
import type { TimeRange } from '../../time'
import type { PanelDocument } from './document'
import type { Values } from './interpolate'
import { asked, type Asked, type Result, waitsFor } from './queries'

export interface PanelData {
  /** By the place of its query; null where it failed, or is empty. */
  results: (Result | null)[]
  problems: string[]
}

/** Panels that show a moment and no course of time. */
const INSTANT = ['Table', 'TimeSeriesTable']

const letter = (place: number) => String.fromCharCode(65 + place)

export function usePanel(panel: PanelDocument, values: Values, variables: string[], time: TimeRange): Reading<PanelData> & { first: ApiRequest | null } {
  const queries = panel.spec.queries ?? []
  const isWaiting = waitsFor(queries, values, variables).length > 0
  const made = queries.map((query) => attempt(() => asked(query, values, time, INSTANT.includes(panel.spec.plugin.kind))))
  const requests = made.map((each) => (each instanceof Error ? each.message : (each?.request ?? null)))
  const isAsked = !isWaiting && requests.some((request) => request !== null)
  // What was read before is shown on only where it is of the same form.
  const form = JSON.stringify([panel.spec.plugin.kind, queries.map(({ spec }) => spec.plugin)])
  const key = ['panel', form, requests]
  const reading = useQuery<PanelData, Error>({
    queryKey: ['api', key],
    queryFn: ({ signal }) => readAll(made, signal),
    enabled: isAsked,
    staleTime: 2000,
    placeholderData: (before, query) => ((query?.queryKey[1] as typeof key | undefined)?.[1] === form ? keepPreviousData(before) : undefined),
    retry: false,
  })
  const first = requests.find((request): request is ApiRequest => request !== null && typeof request !== 'string') ?? null
  return Object.assign(reading, { request: isAsked ? (key as unknown as ApiRequest) : null, first })
}

function attempt(make: () => Asked | null): Asked | null | Error {
  try {
    return make()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

async function readAll(made: (Asked | null | Error)[], signal: AbortSignal): Promise<PanelData> {
  const settled = await Promise.allSettled(
    made.map(async (each) => {
      if (each instanceof Error) throw each
      return each === null ? null : each.read(await send(each.request, signal))
    }),
  )
  signal.throwIfAborted()
  const failed = settled.flatMap((each, place) => (each.status === 'rejected' ? [{ place, error: each.reason as Error }] : []))
  const only = failed[0]
  if (only !== undefined && failed.length === settled.length) throw only.error instanceof ApiError || made.length === 1 ? only.error : new Error(only.error.message)
  return {
    results: settled.map((each) => (each.status === 'fulfilled' ? each.value : null)),
    problems: failed.map(({ place, error }) => `Query ${letter(place)}: ${error.message}`),
  }
}

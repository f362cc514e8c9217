// Reads a dashboard's annotations, each by itself: those that are shown.
import { keepPreviousData, useQueries } from '@tanstack/react-query'
import { useMemo } from 'react'
import { send } from '../../data/http'
import type { Mark } from '../../parts/time-chart'
import { list, useParameters } from '../../router'
import type { TimeRange } from '../../time'
import { isShown, marksOf, queryOf, TOGGLED } from './annotations'
import { type AnnotationDocument, textOf } from './document'
import type { Values } from './interpolate'
import { type Asked, asked, waitsFor } from './queries'

export interface AnnotationState {
  name: string
  description?: string
  isShown: boolean
  /** How many marks it has in this time; null while that is not known. */
  count: number | null
  isCut: boolean
  problem: string | null
}

const FIELDS = { [TOGGLED]: list() }
const NONE: AnnotationDocument[] = []

export function useAnnotations(annotations: AnnotationDocument[] = NONE, values: Values, variables: string[], time: TimeRange): { marks: Mark[]; states: AnnotationState[] } {
  const [{ [TOGGLED]: toggled }] = useParameters(FIELDS)
  const asking = annotations.map((annotation) => (isShown(annotation, toggled) ? attempt(annotation, values, variables, time) : null))
  const readings = useQueries({
    queries: annotations.map((annotation, place) => {
      const one = asking[place]
      const request = one instanceof Error ? one.message : (one?.request ?? null)
      return {
        queryKey: ['api', 'annotation', annotation.plugin.kind, annotation.plugin.spec, annotation.display.name, request],
        queryFn: async ({ signal }: { signal: AbortSignal }) => {
          if (one instanceof Error) throw one
          return marksOf(annotation, await one!.read(await send(one!.request, signal)), time.from, time.step)
        },
        enabled: request !== null,
        staleTime: 2000,
        placeholderData: keepPreviousData,
        retry: false,
      }
    }),
  })
  const found = readings.map(({ data }, place) => (asking[place] === null || data === undefined ? null : data))
  // Charts are drawn anew only for other marks.
  const form = JSON.stringify(found.flatMap((one) => one?.marks ?? []))
  const marks = useMemo(() => JSON.parse(form) as Mark[], [form])
  const states = annotations.map(({ display }, place) => ({
    name: display.name,
    description: display.description,
    isShown: isShown(annotations[place]!, toggled),
    count: found[place]?.marks.length ?? null,
    isCut: found[place]?.isCut === true,
    problem: asking[place] === null ? null : (readings[place]?.error?.message ?? null),
  }))
  return { marks, states }
}

/** Returns how an annotation is asked; null while it waits for variables, and for an empty one. */
function attempt(annotation: AnnotationDocument, values: Values, variables: string[], time: TimeRange): Asked | Error | null {
  try {
    const query = queryOf(annotation)
    // An empty query of logs would find all of them.
    const isEmpty = textOf(query.spec.plugin, 'query').trim() === ''
    return isEmpty || waitsFor([query], values, variables).length > 0 ? null : asked(query, values, time, false)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

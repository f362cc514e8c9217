// The variables of a dashboard: their options are asked for as soon as what they depend on is known.
import { keepPreviousData, useQueries } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { type ApiRequest, send } from '../../data/http'
import { useLocation } from '../../router'
import type { TimeRange } from '../../time'
import type { VariableDocument } from './document'
import type { Values } from './interpolate'
import { ALL, chosenIn, dependsOn, offered, optionsRequest, readOptions, selectedIn, staticOptions, unknownPlugin, valueOf } from './variables'

export interface VariableState {
  variable: VariableDocument
  options: string[]
  selected: string[]
  isLoading: boolean
  problem: string | null
}

type Options = Record<string, string[]>

export function useVariables(variables: VariableDocument[], time: TimeRange): { values: Values; states: VariableState[] } {
  const { search } = useLocation()
  const chosen = useMemo(() => chosenIn(search, variables), [search, variables])
  const [found, setFound] = useState<Options>({})
  const values = useMemo(() => valuesOf(variables, chosen, found), [variables, chosen, found])
  const requests = variables.map((variable) => requestOf(variable, values, variables, time))
  const readings = useQueries({
    queries: variables.map((variable, place) => ({
      queryKey: ['api', 'variable', variable.spec.plugin?.kind, variable.spec.plugin?.spec.labelName, requests[place]],
      queryFn: async ({ signal }: { signal: AbortSignal }) => readOptions(variable, await send(requests[place]!, signal)),
      enabled: requests[place] !== null,
      staleTime: 30_000,
      placeholderData: keepPreviousData,
      retry: false,
    })),
  })
  const all: Options = {}
  for (const [place, variable] of variables.entries()) {
    const read = staticOptions(variable) ?? readings[place]?.data ?? (readings[place]?.error ? [] : undefined)
    if (read !== undefined) all[variable.spec.name] = offered(variable, read)
  }
  const form = JSON.stringify(all)
  useEffect(() => setFound(JSON.parse(form) as Options), [form])
  const states = variables.map((variable, place) => {
    const options = all[variable.spec.name] ?? []
    const reading = readings[place]
    return { variable, options, selected: selectedIn(variable, chosen[variable.spec.name] ?? [], options), isLoading: reading?.isFetching === true && reading.data === undefined, problem: reading?.error?.message ?? unknownPlugin(variable) }
  })
  return { values, states }
}

function valuesOf(variables: VariableDocument[], chosen: Record<string, string[]>, found: Options): Values {
  const values: Values = {}
  for (const variable of variables) {
    const { name } = variable.spec
    // A kind that is not known has what the document says it has, and else nothing.
    const options = unknownPlugin(variable) === null ? found[name] : []
    const value = valueOf(variable, chosen[name] ?? [], options)
    if (value !== undefined) values[name] = value
  }
  return values
}

function requestOf(variable: VariableDocument, values: Values, all: VariableDocument[], time: TimeRange): ApiRequest | null {
  if (variable.kind !== 'ListVariable') return null
  const names = all.map(({ spec }) => spec.name)
  const waits = dependsOn(variable).some((name) => name !== variable.spec.name && names.includes(name) && values[name] === undefined)
  return waits ? null : optionsRequest(variable, values, time)
}

/** Returns what the address says of a choice; undefined for what the dashboard has without a choice. */
export function chosenAs({ variable, options }: VariableState, wanted: string[]): string[] | undefined {
  const fallback = selectedIn(variable, [], options)
  const same = wanted.length === fallback.length && wanted.every((value) => fallback.includes(value))
  if (same || wanted.length === 0) return undefined
  return wanted.includes(ALL) ? [ALL] : wanted
}

// Which values variables have: what was chosen, else what the document says, else the first there is.
import { type ApiRequest, withParameters, jsonOf } from '../../data/http'
import { instantRequest, readSeries } from '../../data/prometheus'
import { sqlRequest } from '../../data/sql'
import type { TimeRange } from '../../time'
import { textOf, type VariableDocument } from './document'
import { interpolate, namesIn, type Values } from './interpolate'

/** What stands for all values. */
export const ALL = '$__all'
/** More are not offered. */
const MOST_OPTIONS = 1000

export const parameterOf = (name: string) => `var-${name}`

/** Returns what was chosen for each variable, out of the address. */
export function chosenIn(search: string, variables: VariableDocument[]): Record<string, string[]> {
  const parameters = new URLSearchParams(search)
  return Object.fromEntries(variables.map(({ spec }) => [spec.name, parameters.getAll(parameterOf(spec.name))]))
}

const sortings: Record<string, (a: string, b: string) => number> = {
  'alphabetical-asc': (a, b) => (a < b ? -1 : 1),
  'alphabetical-desc': (a, b) => (a < b ? 1 : -1),
  'alphabetical-ci-asc': (a, b) => a.localeCompare(b),
  'alphabetical-ci-desc': (a, b) => b.localeCompare(a),
  'numerical-asc': (a, b) => Number.parseFloat(a) - Number.parseFloat(b),
  'numerical-desc': (a, b) => Number.parseFloat(b) - Number.parseFloat(a),
}

/** Returns the options of a list as they are offered: what its pattern captures, each once, sorted. */
export function offered(variable: VariableDocument, found: string[]): string[] {
  const { capturingRegexp, sort } = variable.spec
  let all = found
  if (capturingRegexp) {
    const pattern = patternOf(capturingRegexp)
    if (pattern !== null) all = found.flatMap((value) => captured(pattern, value))
  }
  const once = [...new Set(all)]
  const order = sortings[sort ?? 'none']
  return (order === undefined ? once : once.toSorted(order)).slice(0, MOST_OPTIONS)
}

function patternOf(text: string): RegExp | null {
  try {
    return new RegExp(text)
  } catch {
    return null
  }
}

function captured(pattern: RegExp, value: string): string[] {
  const match = pattern.exec(value)
  if (match === null) return []
  return [match[1] ?? match[0]]
}

/** Returns the values that a static list names. */
export function staticOptions(variable: VariableDocument): string[] | null {
  const plugin = variable.spec.plugin
  if (plugin?.kind !== 'StaticListVariable') return null
  const values = Array.isArray(plugin.spec.values) ? plugin.spec.values : []
  return values.map((value) => (typeof value === 'object' && value !== null ? String((value as { value?: unknown }).value ?? '') : String(value)))
}

/** What must be known before a variable's options can be asked for. */
export function dependsOn(variable: VariableDocument): string[] {
  return namesIn(JSON.stringify(variable.spec.plugin?.spec ?? {})).filter((name) => !name.startsWith('__'))
}

/** Returns the request for a list's options; null for one whose options are in the document, and for a kind that is not known. */
export function optionsRequest(variable: VariableDocument, values: Values, time: TimeRange): ApiRequest | null {
  const plugin = variable.spec.plugin
  if (plugin === undefined) return null
  // To the minute, so that options are not asked for at each tick.
  const [start, end] = [Math.floor(time.from / 60e3) * 60, Math.ceil(time.to / 60e3) * 60]
  const matchers = (Array.isArray(plugin.spec.matchers) ? plugin.spec.matchers : []).map((matcher) => interpolate(String(matcher), values))
  switch (plugin.kind) {
    case 'PrometheusLabelValuesVariable':
      return { path: withParameters(`/prometheus/api/v1/label/${encodeURIComponent(interpolate(textOf(plugin, 'labelName'), values))}/values`, { 'match[]': matchers, start, end }) }
    case 'PrometheusLabelNamesVariable':
      return { path: withParameters('/prometheus/api/v1/labels', { 'match[]': matchers, start, end }) }
    case 'PrometheusPromQLVariable':
      return instantRequest(interpolate(textOf(plugin, 'expr'), values), end * 1000)
    case 'VitrineSqlVariable':
      return sqlRequest(interpolate(textOf(plugin, 'query'), values))
    default:
      return null
  }
}

/** Returns the options that an answer has. */
export async function readOptions(variable: VariableDocument, response: Response): Promise<string[]> {
  const { plugin } = variable.spec
  if (plugin?.kind === 'VitrineSqlVariable') {
    const lines = (await response.text()).split('\n').filter((line) => line !== '')
    return lines.map((line) => Object.values(JSON.parse(line) as Record<string, unknown>)[0]).map((value) => (typeof value === 'string' ? value : JSON.stringify(value ?? '')))
  }
  const answer: unknown = await jsonOf(response)
  if (plugin?.kind === 'PrometheusPromQLVariable') {
    const label = textOf(plugin, 'labelName')
    return readSeries(answer).map(({ labels, values }) => (label === '' ? String(values[0] ?? '') : (labels[label] ?? '')))
  }
  return (answer as { data: string[] }).data
}

/** Returns the value of a variable; undefined while its options must be known for it, and are not. */
export function valueOf(variable: VariableDocument, chosen: string[], options: string[] | undefined): string | string[] | undefined {
  const { spec, kind } = variable
  if (kind === 'TextVariable') return spec.constant ? (spec.value ?? '') : (chosen[0] ?? spec.value ?? '')
  const defaults = spec.defaultValue === undefined ? [] : [spec.defaultValue].flat()
  const wanted = chosen.length > 0 ? chosen : defaults
  const isAll = spec.allowAllValue === true && (wanted.includes(ALL) || (wanted.length === 0 && spec.allowMultiple === true))
  if (isAll) return spec.customAllValue ?? options
  if (wanted.length > 0) return spec.allowMultiple ? wanted : wanted[0]
  if (options === undefined) return undefined
  return spec.allowMultiple ? options.slice(0, 1) : (options[0] ?? '')
}

/** Returns what is selected in a variable's control. */
export function selectedIn(variable: VariableDocument, chosen: string[], options: string[]): string[] {
  const { spec } = variable
  const defaults = spec.defaultValue === undefined ? [] : [spec.defaultValue].flat()
  const wanted = chosen.length > 0 ? chosen : defaults
  if (spec.allowAllValue && (wanted.includes(ALL) || (wanted.length === 0 && spec.allowMultiple))) return [ALL]
  return wanted.length > 0 ? wanted : options.slice(0, 1)
}

export const isConstant = ({ spec }: VariableDocument) => spec.display?.hidden === true || spec.constant === true

/** Returns what can be said of a variable whose plugin cannot be asked. */
export function unknownPlugin(variable: VariableDocument): string | null {
  const known = ['StaticListVariable', 'PrometheusLabelValuesVariable', 'PrometheusLabelNamesVariable', 'PrometheusPromQLVariable', 'VitrineSqlVariable']
  if (variable.kind === 'TextVariable') return null
  const kind = variable.spec.plugin?.kind ?? 'none'
  return known.includes(kind) ? null : `Its values come from ${kind}, which the console does not know.`
}

export const labelOf = ({ spec }: VariableDocument): string => spec.display?.name || spec.name


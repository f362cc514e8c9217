// Grafana's variables as the dashboard's.
import type { Plugin, VariableDocument, VariableSpec } from '../document'
import { ALL } from '../variables'
import { type Json, object, references, type SourceVariable, text } from './source'

/** Returns a variable; null if it is not needed, or cannot be. What is not the same is told to `lose`. */
export function convertVariable(variable: SourceVariable, lose: (why: string) => void): VariableDocument | null {
  const { name, label, description, isHidden } = variable
  const display = { ...(label === '' ? {} : { name: label }), ...(description === '' ? {} : { description }), ...(isHidden ? { hidden: true } : {}) }
  const base: VariableSpec = { name, ...(Object.keys(display).length > 0 ? { display } : {}) }
  const current = [variable.current ?? []].flat()
  const asText = (value: string): VariableDocument => ({ kind: 'TextVariable', spec: { ...base, value } })
  switch (variable.type) {
    case 'textbox':
      return asText(current[0] ?? text(variable.query))
    case 'constant':
      return { kind: 'TextVariable', spec: { ...base, value: text(variable.query) || (current[0] ?? ''), constant: true } }
    case 'custom':
    case 'interval':
      return list(variable, base, { kind: 'StaticListVariable', spec: { values: valuesOf(text(variable.query)).filter(({ value }) => value !== 'auto') } })
    case 'query': {
      const plugin = variable.source === 'prometheus' || variable.source === '' ? pluginOf(variable) : `its data source is of the type ${variable.source}`
      if (typeof plugin !== 'string') return list(variable, base, plugin)
      lose(`${plugin}; it is a text now`)
      return asText(current.filter((value) => value !== ALL).join('|') || '.*')
    }
    case 'datasource':
      lose('data sources are not chosen here: queries go to this observatory')
      return null
    default:
      lose(`variables of the kind ${variable.type} have no place here`)
      return null
  }
}

function list(variable: SourceVariable, base: VariableSpec, plugin: Plugin): VariableDocument {
  const chosen = [variable.current ?? []].flat()
  const pattern = variable.regex === '' ? null : variable.regex.replace(/^\/(.*)\/[a-z]*$/s, '$1')
  const isMany = variable.isMulti
  const isAll = variable.hasAll && (chosen.includes(ALL) || chosen.includes('All'))
  const fallback = isAll ? ALL : isMany ? chosen : chosen[0]
  return {
    kind: 'ListVariable',
    spec: {
      ...base,
      ...(fallback === undefined || fallback.length === 0 ? {} : { defaultValue: isAll && isMany ? [ALL] : fallback }),
      allowAllValue: variable.hasAll,
      allowMultiple: isMany,
      ...(variable.hasAll && variable.allValue !== '' ? { customAllValue: variable.allValue } : {}),
      ...(pattern === null || plugin.spec.labelFromPattern === true ? {} : { capturingRegexp: pattern }),
      ...(variable.sort === 'none' ? {} : { sort: variable.sort }),
      plugin: { kind: plugin.kind, spec: Object.fromEntries(Object.entries(plugin.spec).filter(([name]) => name !== 'labelFromPattern')) },
    },
  }
}

/** Returns the values of "a, b, Text : value". */
function valuesOf(query: string): { label?: string; value: string }[] {
  return query
    .split(/(?<!\\),/)
    .map((each) => each.trim().replaceAll('\\,', ','))
    .filter((each) => each !== '')
    .map((each) => {
      const pair = /^(.*?)\s:\s(.*)$/.exec(each)
      return pair === null ? { value: each } : { label: pair[1], value: pair[2] ?? '' }
    })
}

const MATCHER = /^label_values\(\s*(?:(.+?)\s*,\s*)?([\w$.{}-]+)\s*\)$/s

/** Returns where values come from, or why they cannot. */
function pluginOf({ query, regex }: SourceVariable): Plugin | string {
  const asked = references(typeof query === 'string' ? query : text((query as Json | undefined)?.query) || text(object(query).__legacyStringValue)).trim()
  const values = MATCHER.exec(asked)
  if (values) return { kind: 'PrometheusLabelValuesVariable', spec: { labelName: values[2] ?? '', ...(values[1] === undefined ? {} : { matchers: [values[1]] }) } }
  if (/^label_names\(.*\)$/.test(asked)) return { kind: 'PrometheusLabelNamesVariable', spec: {} }
  const metrics = /^metrics\((.*)\)$/.exec(asked)
  if (metrics) return { kind: 'PrometheusLabelValuesVariable', spec: { labelName: '__name__', matchers: [`{__name__=~${JSON.stringify(metrics[1] ?? '')}}`] } }
  const result = /^query_result\((.*)\)$/s.exec(asked)
  const label = /(\w+)="\(/.exec(regex)?.[1] ?? /(\w+)="\[\^"\]/.exec(regex)?.[1]
  if (result && label !== undefined) return { kind: 'PrometheusPromQLVariable', spec: { expr: result[1] ?? '', labelName: label, labelFromPattern: true } }
  if (result) return 'of results of a query only values of a label can be taken, and its pattern names none'
  return asked === '' ? 'it asks nothing' : `“${asked}” cannot be asked here`
}

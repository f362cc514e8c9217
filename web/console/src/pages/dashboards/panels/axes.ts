// What a panel of lines says of single queries: their colour, at which axis they stand, and in which unit.
import type { Unit } from '../../../format'
import { part, type Plugin } from '../document'
import { chartUnit, type Format } from '../units'

/** Settings of one query, as Perses has them. `axis` is ours, for one at the right in the unit of the left; so are the ends of the axis at the right. */
export interface QuerySettings {
  queryIndex: number
  colorValue?: string
  format?: Format
  axis?: 'right'
  min?: number
  max?: number
}

interface QueryLook {
  colour?: string
  axis?: 'right'
  unit: Unit
  /** What its values are multiplied with for the unit. */
  scale: number
}

export const querySettings = (plugin: Plugin): QuerySettings[] => (Array.isArray(plugin.spec.querySettings) ? (plugin.spec.querySettings as QuerySettings[]) : [])

/** The unit of an axis that names none, as Perses has it. */
const PLAIN = 'decimal'

/** Returns whether a query's lines have an axis of their own, when the left one has this format. As in Perses, another unit has one. */
export const isRight = ({ axis, format }: QuerySettings, left: Format | undefined) => axis === 'right' || (format?.unit !== undefined && format.unit !== (left?.unit ?? PLAIN))

/** Returns how each of the queries is drawn. Those of another unit stand at the right, unless all would. */
export function queryLooks(plugin: Plugin, count: number): QueryLook[] {
  const left = part(plugin, 'yAxis').format as Format | undefined
  const settings = Array.from({ length: count }, (_, query) => querySettings(plugin).find(({ queryIndex }) => queryIndex === query) ?? { queryIndex: query })
  const areAllRight = settings.every((each) => isRight(each, left))
  return settings.map((each) => ({
    colour: each.colorValue,
    axis: !areAllRight && isRight(each, left) ? 'right' : undefined,
    ...chartUnit(each.format ?? left),
  }))
}

/** Returns the ends of the axis at the right, where a query there says some. */
export function rightRange(plugin: Plugin): { min?: number; max?: number } {
  const left = part(plugin, 'yAxis').format as Format | undefined
  const says = querySettings(plugin).find((each) => isRight(each, left) && (each.min !== undefined || each.max !== undefined))
  if (says === undefined) return {}
  const { scale } = chartUnit(says.format ?? left)
  return { min: says.min === undefined ? undefined : says.min * scale, max: says.max === undefined ? undefined : says.max * scale }
}

/** Returns a panel's plugin with other settings of one query; without any, the query has none. */
export function withQuerySettings(plugin: Plugin, query: number, change: Partial<QuerySettings>): Plugin {
  const all = querySettings(plugin)
  const changed = { ...all.find(({ queryIndex }) => queryIndex === query), queryIndex: query, ...change }
  const isEmpty = Object.entries(changed).every(([name, value]) => name === 'queryIndex' || value === undefined)
  const kept = [...all.filter(({ queryIndex }) => queryIndex !== query), ...(isEmpty ? [] : [changed])].toSorted((a, b) => a.queryIndex - b.queryIndex)
  return { ...plugin, spec: { ...plugin.spec, querySettings: kept.length > 0 ? kept : undefined } }
}

/** Returns a panel's plugin when one of its queries is gone: those behind it move up. */
export function withoutQuerySettings(plugin: Plugin, query: number): Plugin {
  const all = querySettings(plugin)
  if (all.length === 0) return plugin
  const kept = all.filter(({ queryIndex }) => queryIndex !== query).map((each) => (each.queryIndex > query ? { ...each, queryIndex: each.queryIndex - 1 } : each))
  return { ...plugin, spec: { ...plugin.spec, querySettings: kept.length > 0 ? kept : undefined } }
}

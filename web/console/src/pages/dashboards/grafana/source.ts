// Grafana's dashboards come in several forms. Each is read into this one, which the rest works with.

export type Json = Record<string, unknown>

/** Something that could not be taken: where it stood, and why. */
export interface Lost {
  where: string
  why: string
}

export interface SourceTarget {
  /** The type of its data source: `prometheus`, `loki`; empty if it is not said. */
  source: string
  refId: string
  spec: Json
}

export interface SourcePanel {
  title: string
  description: string
  type: string
  options: Json
  defaults: Json
  overrides: Json[]
  targets: SourceTarget[]
  transformations: { id: string; options: Json }[]
  /** Shortest step. */
  interval: string
  /** What of it has no place here. */
  lost: string[]
}

/** It is there once for each value of a variable. */
export interface SourceRepeat {
  name: string
  isVertical: boolean
  /** How many stand side by side at most. */
  most?: number
}

export interface SourceItem {
  x: number
  y: number
  width: number
  height: number
  panel: SourcePanel
  repeat?: SourceRepeat
}

export interface SourceSection {
  title: string
  isOpen: boolean
  /** The variable that it is repeated for. */
  repeat?: string
  items: SourceItem[]
}

export interface SourceVariable {
  /** `query`, `custom`, `textbox`, `constant`, `interval`, `datasource`, or what has no place here. */
  type: string
  name: string
  label: string
  description: string
  isHidden: boolean
  isMulti: boolean
  hasAll: boolean
  allValue: string
  regex: string
  /** As Perses names it. */
  sort: string
  source: string
  query: unknown
  current: string | string[] | undefined
}

export interface SourceAnnotation {
  name: string
  isShown: boolean
  isOnSomePanels: boolean
  /** The type of its data source. */
  source: string
  spec: Json
}

export interface Source {
  title: string
  description: string
  from: string
  refresh: string
  sections: SourceSection[]
  variables: SourceVariable[]
  annotations: SourceAnnotation[]
  lost: Lost[]
}

export const object = (value: unknown): Json => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {})
export const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
export const objects = (value: unknown): Json[] => array(value).map(object)
export const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '')
export const number = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)

/** Returns variables as Perses writes them: `[[name]]` is `${name}`, and formats go by other names. */
export function references(written: string): string {
  return written.replace(/\[\[(\w+)(?::(\w+))?\]\]/g, (_, name: string, format?: string) => `\${${name}${format === undefined ? '' : `:${format}`}}`)
}

/** Returns a value of a variable as it was chosen when the dashboard was stored. */
export function currentOf(current: unknown): string | string[] | undefined {
  const { value } = object(current)
  if (Array.isArray(value)) return value.map(text).filter((each) => each !== '')
  return typeof value === 'string' && value !== '' ? value : undefined
}

// Dashboards in the open format of Perses (https://perses.dev/perses/docs/api/dashboard/). What stands in a document and is not known here stays in it.

export interface Plugin {
  kind: string
  spec: Record<string, unknown>
}

interface Display {
  name?: string
  description?: string
  hidden?: boolean
}

export interface Query {
  /** `TimeSeriesQuery`, `LogQuery`, `TraceQuery`. */
  kind: string
  spec: { plugin: Plugin }
}

export interface PanelDocument {
  kind: 'Panel'
  spec: { display?: Display; plugin: Plugin; queries?: Query[] }
}

/** A panel stands once for each value of a variable. */
export interface Repeat {
  /** The name of the variable. */
  value: string
  /** How many stand side by side at most. */
  maxPer?: number
  alignment?: 'horizontal' | 'vertical'
}

export interface GridItem {
  x: number
  y: number
  width: number
  height: number
  content: { $ref: string }
  repeatVariable?: Repeat
}

export interface Grid {
  kind: 'Grid'
  spec: { display?: { title: string; collapse?: { open: boolean } }; items: GridItem[]; repeatVariable?: string }
}

/** Events that are marked on charts over time. `hidden` ones are not shown until somebody wants them. */
export interface AnnotationDocument {
  display: Display & { name: string }
  plugin: Plugin
}

export interface VariableSpec {
  name: string
  display?: Display
  /** Of a text. */
  value?: string
  constant?: boolean
  /** Of a list. */
  defaultValue?: string | string[]
  allowAllValue?: boolean
  allowMultiple?: boolean
  customAllValue?: string
  capturingRegexp?: string
  sort?: string
  plugin?: Plugin
}

export interface VariableDocument {
  kind: 'TextVariable' | 'ListVariable'
  spec: VariableSpec
}

export interface Dashboard {
  kind: 'Dashboard'
  metadata: { name: string; project?: string; [field: string]: unknown }
  spec: {
    display?: Display
    /** "1h": the time that is looked at first. */
    duration?: string
    refreshInterval?: string
    variables?: VariableDocument[]
    panels: Record<string, PanelDocument>
    layouts: Grid[]
    annotations?: AnnotationDocument[]
    [field: string]: unknown
  }
}

/** The grid is so many columns wide. */
export const COLUMNS = 24
const REF = '#/spec/panels/'
/** Longest name that the store takes. */
const MOST_NAME = 75

/** Returns which panel an item of a grid shows; JSON pointers write `/` as `~1`. */
export const panelKey = (item: GridItem): string => item.content.$ref.replace(REF, '').replaceAll('~1', '/').replaceAll('~0', '~')

/** Returns how an item of a grid refers to a panel. */
export const refTo = (key: string): { $ref: string } => ({ $ref: REF + key.replaceAll('~', '~0').replaceAll('/', '~1') })

export const titleOf = (document: Dashboard): string => document.spec.display?.name || document.metadata.name

export const panelTitle = (panel: PanelDocument): string => panel.spec.display?.name ?? ''

/** Returns a text as a name: lower case, with hyphens. */
export function nameFrom(title: string): string {
  const name = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, MOST_NAME)
  return name === '' ? 'dashboard' : name
}

/** Returns a name that none of the others has. */
export function freeName(wanted: string, taken: Iterable<string>): string {
  const others = new Set(taken)
  if (!others.has(wanted)) return wanted
  for (let number = 2; ; number++) if (!others.has(`${wanted}-${number}`)) return `${wanted}-${number}`
}

export function emptyDashboard(title: string, name: string): Dashboard {
  return { kind: 'Dashboard', metadata: { name }, spec: { display: { name: title }, duration: '1h', variables: [], panels: {}, layouts: [{ kind: 'Grid', spec: { items: [] } }] } }
}

/** Returns a copy with another title and name. */
export function copyOf(document: Dashboard, title: string, name: string): Dashboard {
  return { ...document, metadata: { name }, spec: { ...document.spec, display: { ...document.spec.display, name: title } } }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Returns the dashboard that a JSON value is. Throws a sentence that says where it is none. */
export function readDashboard(value: unknown): Dashboard {
  if (!isObject(value)) throw new Error('It is no JSON object: expected a dashboard.')
  if (value.kind !== 'Dashboard') throw new Error(`kind is ${JSON.stringify(value.kind) ?? 'missing'}: expected "Dashboard".`)
  const metadata = isObject(value.metadata) ? value.metadata : {}
  const spec = value.spec
  if (!isObject(spec)) throw new Error('spec is missing: expected an object.')
  const panels = isObject(spec.panels) ? spec.panels : {}
  for (const [key, panel] of Object.entries(panels)) {
    if (!isObject(panel) || !isObject(panel.spec) || !isPlugin(panel.spec.plugin)) throw new Error(`spec.panels.${key} has no spec.plugin with a kind.`)
    for (const [place, query] of asArray(panel.spec.queries).entries()) {
      if (!isObject(query) || !isObject(query.spec) || !isPlugin(query.spec.plugin)) throw new Error(`spec.panels.${key}.spec.queries[${place}] has no spec.plugin with a kind.`)
    }
  }
  const variables = asArray(spec.variables)
  for (const [place, variable] of variables.entries()) {
    if (!isObject(variable) || !isObject(variable.spec) || typeof variable.spec.name !== 'string') throw new Error(`spec.variables[${place}] has no spec.name.`)
  }
  for (const [place, annotation] of asArray(spec.annotations).entries()) {
    if (!isObject(annotation) || !isObject(annotation.display) || typeof annotation.display.name !== 'string' || !isPlugin(annotation.plugin)) throw new Error(`spec.annotations[${place}] has no display.name, or no plugin with a kind.`)
  }
  const layouts = asArray(spec.layouts).map(readGrid)
  const name = typeof metadata.name === 'string' && metadata.name !== '' ? metadata.name : 'dashboard'
  return { ...value, kind: 'Dashboard', metadata: { ...metadata, name }, spec: { ...spec, variables, panels, layouts: layouts.length === 0 ? [{ kind: 'Grid', spec: { items: [] } }] : layouts } } as Dashboard
}

const asArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const isPlugin = (value: unknown): boolean => isObject(value) && typeof value.kind === 'string'

const isRepeat = (value: unknown): boolean => isObject(value) && typeof value.value === 'string' && ['undefined', 'number'].includes(typeof value.maxPer)

function readGrid(layout: unknown, place: number): Grid {
  if (!isObject(layout) || layout.kind !== 'Grid' || !isObject(layout.spec)) throw new Error(`spec.layouts[${place}] is no Grid.`)
  const items = asArray(layout.spec.items).map((item, at) => readItem(item, `spec.layouts[${place}].spec.items[${at}]`))
  return { ...layout, spec: { ...layout.spec, items } } as Grid
}

function readItem(item: unknown, where: string): GridItem {
  if (!isObject(item) || !isObject(item.content) || typeof item.content.$ref !== 'string') throw new Error(`${where} has no content.$ref.`)
  const whole = (name: string, low: number, high: number) => {
    const value = Number(item[name])
    if (!Number.isFinite(value)) throw new Error(`${where}.${name} is no number.`)
    return Math.max(low, Math.min(high, Math.round(value)))
  }
  if (item.repeatVariable !== undefined && !isRepeat(item.repeatVariable)) throw new Error(`${where}.repeatVariable is none: expected value, the name of a variable, and maxPer, a number, if at all.`)
  const width = whole('width', 1, COLUMNS)
  return { ...item, x: whole('x', 0, COLUMNS - width), y: whole('y', 0, 10_000), width, height: whole('height', 1, 200), content: { $ref: item.content.$ref } }
}

/** Returns the plugin's setting of a name as an object. */
export const part = (plugin: Plugin, name: string): Record<string, unknown> => (isObject(plugin.spec?.[name]) ? plugin.spec[name] : {})

/** Returns a plugin's setting as a text. */
export const textOf = (plugin: Plugin, name: string): string => (typeof plugin.spec?.[name] === 'string' ? plugin.spec[name] : '')

/** Returns variables by their names. */
export const labelled = (variables: VariableDocument[]): Map<string, VariableDocument> => new Map(variables.map((variable) => [variable.spec.name, variable]))

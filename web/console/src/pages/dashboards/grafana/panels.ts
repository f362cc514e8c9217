// Grafana's panels as the dashboard's: which kind they are, and how they show their values.
import type { PanelDocument, Plugin, Query } from '../document'
import { queriesOf } from './queries'
import { querySettingsOf } from './overrides'
import { array, type Json, number, object, objects, type SourcePanel, text } from './source'
import { formatOf } from './units'

type Lose = (why: string) => void

const KINDS: Record<string, string> = {
  timeseries: 'TimeSeriesChart',
  graph: 'TimeSeriesChart',
  'state-timeline': 'TimeSeriesChart',
  'status-history': 'TimeSeriesChart',
  stat: 'StatChart',
  gauge: 'GaugeChart',
  bargauge: 'BarChart',
  barchart: 'BarChart',
  piechart: 'BarChart',
  'grafana-piechart-panel': 'BarChart',
  table: 'Table',
  'table-old': 'Table',
  heatmap: 'HeatMapChart',
  logs: 'LogsTable',
  text: 'Markdown',
  nodeGraph: 'VitrineServiceMap',
}

/** Kinds that are shown as another, and how that is said. */
const ALIKE: Record<string, string> = { 'state-timeline': 'states over time are shown as lines', 'status-history': 'states over time are shown as lines', piechart: 'a pie is shown as bars with shares', 'grafana-piechart-panel': 'a pie is shown as bars with shares' }

/** Returns a panel; null if nothing of it can be shown. */
export function convertPanel(panel: SourcePanel, lose: Lose): PanelDocument | null {
  panel.lost.forEach(lose)
  const kind = panel.type === 'traces' || panel.targets.some(({ source }) => source === 'jaeger' || source === 'tempo') ? (panel.type === 'nodeGraph' ? 'VitrineServiceMap' : 'TraceTable') : KINDS[panel.type]
  if (kind === undefined) {
    lose(panel.type === '' ? 'its kind is not said' : `panels of the kind ${panel.type} cannot be shown here`)
    return null
  }
  if (ALIKE[panel.type]) lose(ALIKE[panel.type]!)
  const display = { name: panel.title, ...(panel.description === '' ? {} : { description: panel.description }) }
  if (kind === 'Markdown' || kind === 'VitrineServiceMap') return { kind: 'Panel', spec: { display, plugin: { kind, spec: drop(specOf(kind, panel, lose)) } } }
  const asked = queriesOf(panel, lose)
  if (asked.length === 0) {
    lose('none of its queries can be asked here, so it is left out')
    return null
  }
  const queries = asked.map(({ query }) => query)
  const plugin = { kind, spec: drop(specOf(kind, { ...panel, targets: asked.map(({ target }) => target) }, lose)) }
  return { kind: 'Panel', spec: { display, plugin: forQueries(plugin, queries, lose), queries } }
}

/** A chart of lines of text is a list of logs. */
function forQueries(plugin: Plugin, queries: Query[], lose: Lose): Plugin {
  const isLogs = queries.some(({ spec }) => spec.plugin.kind === 'LokiLogQuery')
  if (!isLogs || plugin.kind === 'LogsTable') return plugin
  lose('it asks for lines of logs, and is shown as such')
  return { kind: 'LogsTable', spec: {} }
}

const drop = (spec: Json): Json => Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined))

function specOf(kind: string, panel: SourcePanel, lose: Lose): Json {
  switch (kind) {
    case 'TimeSeriesChart':
      return timeSeriesSpec(panel, lose)
    case 'StatChart':
    case 'GaugeChart':
    case 'BarChart':
      return numberSpec(kind, panel, lose)
    case 'Table':
      return tableSpec(panel, lose)
    case 'HeatMapChart':
      return { yAxisFormat: formatOf(text(object(panel.options.yAxis).unit) || text(panel.defaults.unit), undefined, lose) }
    case 'LogsTable':
      return { wrap: panel.options.wrapLogMessage === true ? true : undefined }
    case 'Markdown': {
      if (panel.options.mode === 'html') lose('its text is HTML, which is shown as it is written')
      return { text: text(panel.options.content) }
    }
    default:
      return {}
  }
}

function timeSeriesSpec(panel: SourcePanel, lose: Lose): Json {
  const { defaults, options } = panel
  const custom = object(defaults.custom)
  const stacking = text(object(custom.stacking).mode)
  if (stacking === 'percent') lose('lines stacked to 100% are stacked as they are')
  if (text(object(custom.scaleDistribution).type) === 'log') lose('its logarithmic axis')
  lostTransformations(panel, [], lose)
  const opacity = number(custom.fillOpacity) ?? 0
  const [min, max] = [number(defaults.min), number(defaults.max)]
  const format = formatOf(text(defaults.unit), number(defaults.decimals), lose)
  const axis = drop({ format, min, max })
  const isBar = custom.drawStyle === 'bars'
  const visual = drop({ display: isBar ? 'bar' : opacity > 0 ? 'line' : undefined, areaOpacity: opacity > 0 && !isBar ? Math.min(1, opacity / 100) : undefined, stack: stacking === 'normal' || stacking === 'percent' ? 'all' : undefined })
  const isLegendShown = object(options.legend).showLegend !== false && object(options.legend).displayMode !== 'hidden'
  return {
    legend: isLegendShown ? { position: text(object(options.legend).placement) === 'right' ? 'right' : 'bottom' } : undefined,
    yAxis: Object.keys(axis).length > 0 ? axis : undefined,
    visual: Object.keys(visual).length > 0 ? visual : undefined,
    querySettings: querySettingsOf(panel, lose),
    thresholds: text(object(custom.thresholdsStyle).mode) === 'off' || custom.thresholdsStyle === undefined ? undefined : thresholdsOf(defaults, lose),
  }
}

const CALCULATIONS: Record<string, string> = { lastNotNull: 'last-number', last: 'last', firstNotNull: 'first-number', first: 'first', mean: 'mean', avg: 'mean', sum: 'sum', total: 'sum', min: 'min', max: 'max' }

function numberSpec(kind: string, panel: SourcePanel, lose: Lose): Json {
  const { defaults, options } = panel
  const wanted = text(array(object(options.reduceOptions).calcs)[0])
  const calculation = CALCULATIONS[wanted] ?? 'last-number'
  if (wanted !== '' && CALCULATIONS[wanted] === undefined) lose(`its value is the “${wanted}” of the time; here it is the newest`)
  if (panel.overrides.length > 0) lose('settings for single values')
  lostTransformations(panel, [], lose)
  const format = formatOf(text(defaults.unit), number(defaults.decimals), lose)
  if (kind === 'BarChart') return { calculation, format, sort: 'desc', mode: panel.type.includes('piechart') ? 'percentage' : undefined }
  const thresholds = thresholdsOf(defaults, lose)
  if (kind === 'GaugeChart') return { calculation, format, thresholds, max: number(defaults.max) }
  const mappings = mappingsOf(defaults)
  return { calculation, format, thresholds, sparkline: text(options.graphMode) === 'none' ? undefined : {}, mappings: mappings.length > 0 ? mappings : undefined }
}

function thresholdsOf(defaults: Json, lose: Lose): Json | undefined {
  const { mode, steps } = object(defaults.thresholds)
  const found = objects(steps).flatMap(({ value, color }) => (typeof value === 'number' ? [{ value, ...(text(color) === '' ? {} : { color: text(color) }) }] : []))
  if (found.length === 0) return undefined
  if (mode === 'percentage') {
    lose('thresholds in percent of a range')
    return undefined
  }
  return { steps: found }
}

function mappingsOf(defaults: Json): Json[] {
  return objects(defaults.mappings).flatMap(({ type, options }) => {
    const given = object(options)
    const said = (result: unknown) => ({ value: text(object(result).text) })
    if (type === 'value') return Object.entries(given).map(([value, result]) => ({ kind: 'Value', spec: { value, result: said(result) } }))
    if (type === 'range') return [{ kind: 'Range', spec: drop({ from: number(given.from), to: number(given.to), result: said(given.result) }) }]
    if (type === 'special') return [{ kind: 'Misc', spec: { value: given.match === 'nan' ? 'NaN' : 'null', result: said(given.result) } }]
    return []
  })
}

function lostTransformations(panel: SourcePanel, known: string[], lose: Lose) {
  const lost = [...new Set(panel.transformations.map(({ id }) => id).filter((id) => !known.includes(id)))]
  if (lost.length > 0) lose(`what is made of the answers afterwards (${lost.join(', ')})`)
}

/** Grafana's names of columns: "Value #A" is "value A" here. */
const columnName = (name: string) => name.replace(/^Value #(\w+)$/, 'value $1').replace(/^Value$/, 'value')

function tableSpec(panel: SourcePanel, lose: Lose): Json {
  lostTransformations(panel, ['organize', 'merge', 'joinByField', 'seriesToColumns'], lose)
  const settings = new Map<string, Json>()
  const set = (name: string, change: Json) => settings.set(columnName(name), { ...settings.get(columnName(name)), name: columnName(name), ...change })
  for (const { id, options } of panel.transformations) {
    if (id !== 'organize') continue
    for (const [name, isOut] of Object.entries(object(options.excludeByName))) if (isOut === true) set(name, { hide: true })
    for (const [name, header] of Object.entries(object(options.renameByName))) if (text(header) !== '') set(name, { header: text(header) })
  }
  const renamed = (name: string) => [...settings.values()].find(({ header }) => header === name)?.name
  for (const { matcher, properties } of panel.overrides) {
    const { id, options } = object(matcher)
    if (id !== 'byName') {
      lose(`settings for columns chosen by ${text(id)}`)
      continue
    }
    for (const { id: property, value } of objects(properties)) {
      const name = text(renamed(text(options))) || text(options)
      if (property === 'unit') set(name, drop({ format: formatOf(text(value), undefined, lose) }))
      else if (property === 'displayName') set(name, { header: text(value) })
      else if (property === 'custom.hidden' && value === true) set(name, { hide: true })
    }
  }
  // The time of a moment says nothing in each row, and there is no such column here.
  settings.delete('Time')
  return { columnSettings: settings.size > 0 ? [...settings.values()] : undefined }
}

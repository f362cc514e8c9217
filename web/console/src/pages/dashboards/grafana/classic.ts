// Grafana's classic JSON: panels with places in one grid, with rows between; before version 5, rows of panels.
import { array, currentOf, type Json, number, object, objects, references, type Source, type SourceItem, type SourcePanel, type SourceSection, type SourceVariable, text } from './source'

/** Height of a row of the grid with the gap, in pixels, for dashboards that say heights in pixels. */
const ROW_PIXELS = 38

export function readClassic(dashboard: Json): Source {
  const rows = objects(dashboard.rows)
  const source: Source = {
    title: text(dashboard.title),
    description: text(dashboard.description),
    from: text(object(dashboard.time).from),
    refresh: text(dashboard.refresh),
    sections: rows.length > 0 ? rows.map(oldRow) : sectionsOf(objects(dashboard.panels)),
    variables: objects(object(dashboard.templating).list).map(readVariable),
    lost: [],
  }
  for (const annotation of objects(object(dashboard.annotations).list)) {
    if (annotation.builtIn !== 1 && annotation.type !== 'dashboard') source.lost.push({ where: `annotations “${text(annotation.name)}”`, why: 'events over charts cannot be asked for by a dashboard here' })
  }
  for (const link of objects(dashboard.links)) source.lost.push({ where: `link “${text(link.title)}”`, why: 'links of a dashboard have no place here' })
  return source
}

function sectionsOf(panels: Json[]): SourceSection[] {
  const sections: SourceSection[] = [{ title: '', isOpen: true, items: [] }]
  const inOrder = panels.toSorted((a, b) => (number(object(a.gridPos).y) ?? 0) - (number(object(b.gridPos).y) ?? 0))
  for (const panel of inOrder) {
    if (panel.type !== 'row') {
      sections.at(-1)!.items.push(itemOf(panel))
      continue
    }
    const section = { title: references(text(panel.title)), isOpen: panel.collapsed !== true, items: objects(panel.panels).map(itemOf) }
    sections.push(section)
    // What a row repeats cannot be repeated: its first panel says so.
    const repeat = text(panel.repeat)
    if (repeat !== '' && section.items[0]) section.items[0].panel.lost.push(`its row is repeated for each value of $${repeat}; here it is there once`)
  }
  return sections.filter(({ items, title }) => items.length > 0 || title !== '').map(fromTop)
}

function fromTop(section: SourceSection): SourceSection {
  const top = Math.min(...section.items.map(({ y }) => y))
  return { ...section, items: section.items.map((item) => ({ ...item, y: item.y - top })) }
}

function itemOf(panel: Json): SourceItem {
  const place = object(panel.gridPos)
  return { x: number(place.x) ?? 0, y: number(place.y) ?? 0, width: number(place.w) ?? 12, height: number(place.h) ?? 8, panel: readPanel(panel) }
}

function oldRow(row: Json): SourceSection {
  const height = Math.max(3, Math.round((Number.parseInt(text(row.height), 10) || 250) / ROW_PIXELS))
  let [x, y] = [0, 0]
  const items = objects(row.panels).map((panel) => {
    const width = Math.min(24, Math.round((number(panel.span) ?? 12) * 2))
    if (x + width > 24) [x, y] = [0, y + height]
    const item = { x, y, width, height, panel: readPanel(panel) }
    x += width
    return item
  })
  return { title: row.showTitle === true ? references(text(row.title)) : '', isOpen: row.collapse !== true, items }
}

/** Returns the type of a data source, which is named in three ways. */
function sourceOf(datasource: unknown, target: Json): string {
  const { type } = object(datasource)
  if (typeof type === 'string') return type
  const name = text(datasource).toLowerCase()
  for (const known of ['loki', 'tempo', 'jaeger', 'influx', 'graphite', 'elasticsearch', 'postgres', 'mysql']) if (name.includes(known)) return known
  return 'expr' in target ? 'prometheus' : ''
}

function readPanel(panel: Json): SourcePanel {
  const { defaults, overrides } = object(panel.fieldConfig)
  const read: SourcePanel = {
    title: references(text(panel.title)),
    description: references(text(panel.description)),
    type: text(panel.type),
    options: object(panel.options),
    defaults: object(defaults),
    overrides: objects(overrides),
    targets: objects(panel.targets)
      .filter((target) => target.hide !== true)
      .map((target) => ({ source: sourceOf(target.datasource ?? panel.datasource, target) || sourceOf(panel.datasource, target), refId: text(target.refId), spec: target })),
    transformations: objects(panel.transformations).map(({ id, options }) => ({ id: text(id), options: object(options) })),
    interval: text(panel.interval),
    lost: [],
  }
  if (panel.libraryPanel !== undefined) read.lost.push('what a library panel shows is not in the file')
  if (text(panel.repeat) !== '') read.lost.push(`it is repeated for each value of $${text(panel.repeat)}; here it is there once`)
  if (panel.alert !== undefined) read.lost.push('its alert: alerts are rules here')
  if (text(panel.timeFrom) !== '' || text(panel.timeShift) !== '') read.lost.push('a time of its own: all panels look at the same time')
  if (array(panel.links).length > 0) read.lost.push('its links')
  return oldSettings(panel, read)
}

/** Before version 7, settings stood beside the panel's type. */
function oldSettings(panel: Json, read: SourcePanel): SourcePanel {
  const defaults = { ...read.defaults }
  const options = { ...read.options }
  const custom = object(defaults.custom)
  if (panel.type === 'graph') {
    const [left] = objects(panel.yaxes)
    defaults.unit ??= left?.format
    defaults.min ??= number(Number(left?.min ?? Number.NaN))
    defaults.max ??= number(Number(left?.max ?? Number.NaN))
    defaults.custom = { drawStyle: panel.bars === true && panel.lines !== true ? 'bars' : 'line', fillOpacity: (number(panel.fill) ?? 1) * 10, stacking: { mode: panel.stack === true ? (panel.percentage === true ? 'percent' : 'normal') : 'none' }, ...custom }
    options.legend ??= { showLegend: object(panel.legend).show !== false }
    if (array(panel.seriesOverrides).length > 0) read.lost.push('settings for single lines')
  }
  if (panel.type === 'singlestat') {
    defaults.unit ??= panel.format
    defaults.decimals ??= panel.decimals
    const levels = text(panel.thresholds).split(',').map((level) => Number(level.trim())).filter((level) => !Number.isNaN(level))
    const colours = array(panel.colors).map(text)
    if (text(panel.thresholds) !== '') defaults.thresholds ??= { mode: 'absolute', steps: levels.map((value, at) => ({ value, color: colours[at + 1] })) }
    options.reduceOptions ??= { calcs: [{ current: 'lastNotNull', avg: 'mean', total: 'sum' }[text(panel.valueName)] ?? (text(panel.valueName) || 'mean')] }
    options.graphMode ??= object(panel.sparkline).show === true ? 'area' : 'none'
    defaults.max ??= object(panel.gauge).show === true ? object(panel.gauge).maxValue : undefined
    return { ...read, type: object(panel.gauge).show === true ? 'gauge' : 'stat', defaults, options }
  }
  if (panel.type === 'text') options.content ??= panel.content
  return { ...read, defaults, options }
}

const SORTS = ['none', 'alphabetical-asc', 'alphabetical-desc', 'numerical-asc', 'numerical-desc', 'alphabetical-ci-asc', 'alphabetical-ci-desc']

function readVariable(variable: Json): SourceVariable {
  return {
    type: text(variable.type),
    name: text(variable.name),
    label: text(variable.label),
    description: text(variable.description),
    isHidden: variable.hide === 2,
    isMulti: variable.multi === true,
    hasAll: variable.includeAll === true,
    allValue: text(variable.allValue),
    regex: text(variable.regex),
    sort: SORTS[number(variable.sort) ?? 0] ?? 'none',
    source: sourceOf(variable.datasource, { expr: '' }),
    query: variable.query ?? variable.definition,
    current: currentOf(variable.current),
  }
}

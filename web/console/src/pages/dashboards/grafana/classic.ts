// Grafana's classic JSON: panels with places in one grid, with rows between; before version 5, rows of panels.
import { array, currentOf, type Json, number, object, objects, references, type Source, type SourceAnnotation, type SourceItem, type SourcePanel, type SourceRepeat, type SourceSection, type SourceVariable, text } from './source'

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
    annotations: objects(object(dashboard.annotations).list)
      .filter(({ builtIn, type }) => builtIn !== 1 && builtIn !== true && type !== 'dashboard')
      .map(readAnnotation),
    lost: [],
  }
  for (const link of objects(dashboard.links)) source.lost.push({ where: `link “${text(link.title)}”`, why: 'links of a dashboard have no place here' })
  return source
}

/** Since version 8 its question stands in `target`. */
function readAnnotation(annotation: Json): SourceAnnotation {
  const spec = { ...annotation, ...object(annotation.target) }
  const { ids, exclude } = object(annotation.filter)
  return { name: text(annotation.name), isShown: annotation.enable !== false, isOnSomePanels: array(ids).length > 0 || exclude === true, source: sourceOf(annotation.datasource, spec), spec }
}

function sectionsOf(panels: Json[]): SourceSection[] {
  const sections: SourceSection[] = [{ title: '', isOpen: true, items: [] }]
  const inOrder = panels.filter(isWritten).toSorted((a, b) => (number(object(a.gridPos).y) ?? 0) - (number(object(b.gridPos).y) ?? 0))
  for (const panel of inOrder) {
    if (panel.type !== 'row') {
      sections.at(-1)!.items.push(itemOf(panel))
      continue
    }
    sections.push({ title: references(text(panel.title)), isOpen: panel.collapsed !== true, repeat: text(panel.repeat), items: objects(panel.panels).filter(isWritten).map(itemOf) })
  }
  return sections.filter(({ items, title }) => items.length > 0 || title !== '').map(fromTop)
}

function fromTop(section: SourceSection): SourceSection {
  const top = Math.min(...section.items.map(({ y }) => y))
  return { ...section, items: section.items.map((item) => ({ ...item, y: item.y - top })) }
}

/** Returns whether somebody made a panel: repeats of others were stored beside them, and are made anew here. */
const isWritten = ({ repeatPanelId, repeat, repeatedByRow }: Json) => text(repeatPanelId) === '' || (text(repeat) !== '' && repeatedByRow !== true)

function itemOf(panel: Json): SourceItem {
  const place = object(panel.gridPos)
  const repeat = repeatOf(panel, 24)
  const across = isAcross(repeat) ? { x: 0, width: 24 } : { x: number(place.x) ?? 0, width: number(place.w) ?? 12 }
  return { ...across, y: number(place.y) ?? 0, height: number(place.h) ?? 8, panel: readPanel(panel), repeat }
}

/** Panels that are repeated side by side have the whole width. */
const isAcross = (repeat: SourceRepeat | undefined) => repeat?.isVertical === false

/** Before version 6 the narrowest width was said, in columns of the grid, and not how many stand side by side. */
function repeatOf({ repeat, repeatDirection, maxPerRow, minSpan }: Json, columns: number): SourceRepeat | undefined {
  if (text(repeat) === '') return undefined
  const narrowest = number(minSpan)
  return { name: text(repeat), isVertical: repeatDirection === 'v', most: number(maxPerRow) ?? (narrowest === undefined ? undefined : Math.floor(columns / narrowest)) }
}

function oldRow(row: Json): SourceSection {
  const height = Math.max(3, Math.round((Number.parseInt(text(row.height), 10) || 250) / ROW_PIXELS))
  let [x, y] = [0, 0]
  const items = objects(row.panels).filter(isWritten).map((panel) => {
    const repeat = repeatOf(panel, 12)
    const width = isAcross(repeat) ? 24 : Math.min(24, Math.round((number(panel.span) ?? 12) * 2))
    if (x + width > 24) [x, y] = [0, y + height]
    const item = { x, y, width, height, panel: readPanel(panel), repeat }
    x += width
    return item
  })
  return { title: row.showTitle === true ? references(text(row.title)) : '', isOpen: row.collapse !== true, repeat: text(row.repeat), items }
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
    const [left, right] = objects(panel.yaxes)
    defaults.unit ??= left?.format
    defaults.min ??= number(Number(left?.min ?? Number.NaN))
    defaults.max ??= number(Number(left?.max ?? Number.NaN))
    defaults.custom = { drawStyle: panel.bars === true && panel.lines !== true ? 'bars' : 'line', fillOpacity: (number(panel.fill) ?? 1) * 10, stacking: { mode: panel.stack === true ? (panel.percentage === true ? 'percent' : 'normal') : 'none' }, ...custom }
    options.legend ??= { showLegend: object(panel.legend).show !== false }
    return { ...read, defaults, options, overrides: [...read.overrides, ...objects(panel.seriesOverrides).map((override) => oldOverride(override, right))] }
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

/** Settings of single lines stood beside each other; those at the right have the unit and the ends of the second axis. */
function oldOverride({ alias, yaxis, ...others }: Json, right: Json = {}): Json {
  const properties = Object.entries(others).filter(([id]) => !id.startsWith('$$')).map(([id, value]) => ({ id, value }))
  const end = (id: string) => (text(right[id]) === '' ? [] : [{ id, value: Number(right[id]) }])
  const atRight = [{ id: 'custom.axisPlacement', value: 'right' }, ...(text(right.format) === '' ? [] : [{ id: 'unit', value: right.format }]), ...end('min'), ...end('max')]
  return { matcher: { id: text(alias).startsWith('/') ? 'byRegexp' : 'byName', options: alias }, properties: yaxis === 2 ? [...atRight, ...properties] : properties }
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

// Grafana's V2 JSON (`dashboard.grafana.app/v2…`): elements by name, and a layout of grids, rows and tabs that refers to them.
import { array, currentOf, type Json, type Lost, number, object, objects, references, type Source, type SourceItem, type SourcePanel, type SourceSection, type SourceVariable, text } from './source'

/** Columns and heights of a grid that lays out by itself. */
const [AUTO_COLUMNS, AUTO_HEIGHT] = [3, 9]

export function readV2(spec: Json): Source {
  const elements = object(spec.elements)
  const lost: Lost[] = []
  const settings = object(spec.timeSettings)
  for (const { spec: annotation } of kinds(spec.annotations)) {
    if (annotation.builtIn !== true) lost.push({ where: `annotations “${text(annotation.name)}”`, why: 'events over charts cannot be asked for by a dashboard here' })
  }
  for (const link of objects(spec.links)) lost.push({ where: `link “${text(link.title)}”`, why: 'links of a dashboard have no place here' })
  return {
    title: text(spec.title),
    description: text(spec.description),
    from: text(settings.from),
    refresh: text(settings.autoRefresh),
    sections: sectionsOf(object(spec.layout), elements, '', true, lost),
    variables: kinds(spec.variables).map(({ kind, spec: variable }) => readVariable(kind, variable)),
    lost,
  }
}

const kinds = (value: unknown): { kind: string; spec: Json }[] => objects(value).map((each) => ({ kind: text(each.kind), spec: object(each.spec) }))

/** Rows and tabs, also within each other, are sections one after the other. */
function sectionsOf(layout: Json, elements: Json, title: string, isOpen: boolean, lost: Lost[]): SourceSection[] {
  const spec = object(layout.spec)
  const inner = (parts: unknown, isTab: boolean) =>
    kinds(parts).flatMap(({ spec: part }, place) => {
      const own = references(text(part.title)) || (isTab ? `Tab ${place + 1}` : '')
      const name = [title, own].filter((each) => each !== '').join(' / ')
      const where = `${isTab ? 'tab' : 'row'} “${name}”`
      const repeat = text(object(part.repeat).value)
      if (repeat !== '') lost.push({ where, why: `it is repeated for each value of $${repeat}; here it is there once` })
      if (part.conditionalRendering !== undefined) lost.push({ where, why: 'it is shown under conditions; here it is always there' })
      if (array(part.variables).length > 0) lost.push({ where, why: 'variables of a part of a dashboard have no place here' })
      return sectionsOf(object(part.layout), elements, name, part.collapse !== true, lost)
    })
  switch (text(layout.kind)) {
    case 'RowsLayout':
      return inner(spec.rows, false)
    case 'TabsLayout':
      return inner(spec.tabs, true)
    case 'AutoGridLayout':
      return [{ title, isOpen, items: autoItems(spec, elements, lost) }]
    default:
      return [{ title, isOpen, items: gridItems(spec, elements, lost) }]
  }
}

function gridItems(spec: Json, elements: Json, lost: Lost[]): SourceItem[] {
  return kinds(spec.items).flatMap(({ kind, spec: item }) => {
    if (kind === 'GridLayoutRow') return gridItems({ items: objects(item.elements) }, elements, lost)
    const panel = panelOf(object(item.element), elements, item, lost)
    return panel === null ? [] : [{ x: number(item.x) ?? 0, y: number(item.y) ?? 0, width: number(item.width) ?? 12, height: number(item.height) ?? 8, panel }]
  })
}

function autoItems(spec: Json, elements: Json, lost: Lost[]): SourceItem[] {
  const columns = Math.max(1, Math.min(8, number(spec.maxColumnCount) ?? AUTO_COLUMNS))
  const width = Math.floor(24 / columns)
  const panels = kinds(spec.items).flatMap(({ spec: item }) => panelOf(object(item.element), elements, item, lost) ?? [])
  return panels.map((panel, place) => ({ x: (place % columns) * width, y: Math.floor(place / columns) * AUTO_HEIGHT, width, height: AUTO_HEIGHT, panel }))
}

function panelOf(reference: Json, elements: Json, item: Json, lost: Lost[]): SourcePanel | null {
  const name = text(reference.name)
  const element = object(elements[name])
  if (element.kind === undefined) {
    lost.push({ where: `layout: element “${name}”`, why: 'there is no such element in the file' })
    return null
  }
  const spec = object(element.spec)
  if (element.kind !== 'Panel') {
    lost.push({ where: `panel “${text(spec.title) || name}”`, why: element.kind === 'LibraryPanel' ? 'what a library panel shows is not in the file' : `elements of the kind ${text(element.kind)} are not known here` })
    return null
  }
  const panel = readPanel(spec)
  const repeat = text(object(item.repeat).value)
  if (repeat !== '') panel.lost.push(`it is repeated for each value of $${repeat}; here it is there once`)
  if (item.conditionalRendering !== undefined) panel.lost.push('it is shown under conditions; here it is always there')
  return panel
}

/** Of v2alpha1 the kind is the plugin's id; later it stands in `group`. */
function readPanel(spec: Json): SourcePanel {
  const visual = object(spec.vizConfig)
  const { options, fieldConfig } = object(visual.spec)
  const data = object(object(spec.data).spec)
  const queryOptions = object(data.queryOptions)
  const panel: SourcePanel = {
    title: references(text(spec.title)),
    description: references(text(spec.description)),
    type: text(visual.group) || text(visual.kind),
    options: object(options),
    defaults: object(object(fieldConfig).defaults),
    overrides: objects(object(fieldConfig).overrides),
    targets: kinds(data.queries)
      .filter(({ spec: query }) => query.hidden !== true)
      .map(({ spec: query }) => {
        const asked = object(query.query)
        return { source: text(asked.group) || text(asked.kind), refId: text(query.refId), spec: object(asked.spec) }
      }),
    transformations: objects(data.transformations).map((each) => ({ id: text(each.group) || text(each.kind), options: object(object(each.spec).options) })),
    interval: text(queryOptions.interval),
    lost: [],
  }
  if (text(queryOptions.timeFrom) !== '' || text(queryOptions.timeShift) !== '') panel.lost.push('a time of its own: all panels look at the same time')
  if (array(spec.links).length > 0) panel.lost.push('its links')
  return panel
}

const TYPES: Record<string, string> = { QueryVariable: 'query', TextVariable: 'textbox', ConstantVariable: 'constant', DatasourceVariable: 'datasource', IntervalVariable: 'interval', CustomVariable: 'custom', GroupByVariable: 'groupby', AdhocVariable: 'adhoc', SwitchVariable: 'switch' }

const SORTS: Record<string, string> = { alphabeticalAsc: 'alphabetical-asc', alphabeticalDesc: 'alphabetical-desc', numericalAsc: 'numerical-asc', numericalDesc: 'numerical-desc', alphabeticalCaseInsensitiveAsc: 'alphabetical-ci-asc', alphabeticalCaseInsensitiveDesc: 'alphabetical-ci-desc' }

function readVariable(kind: string, spec: Json): SourceVariable {
  const query = object(spec.query)
  return {
    type: TYPES[kind] ?? kind,
    name: text(spec.name),
    label: text(spec.label),
    description: text(spec.description),
    isHidden: spec.hide === 'hideVariable',
    isMulti: spec.multi === true,
    hasAll: spec.includeAll === true,
    allValue: text(spec.allValue),
    regex: text(spec.regex),
    sort: SORTS[text(spec.sort)] ?? 'none',
    source: text(query.group) || text(query.kind),
    query: typeof spec.query === 'string' ? spec.query : (query.spec ?? spec.definition),
    current: currentOf(spec.current),
  }
}

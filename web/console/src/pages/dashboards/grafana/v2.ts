// Grafana's V2 JSON (`dashboard.grafana.app/v2…`): elements by name, and a layout of grids, rows and tabs that refers to them.
import { array, currentOf, type Json, type Lost, number, object, objects, references, type Source, type SourceAnnotation, type SourceItem, type SourcePanel, type SourceRepeat, type SourceSection, type SourceVariable, text } from './source'

/** Columns and heights of a grid that lays out by itself. */
const [AUTO_COLUMNS, AUTO_HEIGHT] = [3, 9]

export function readV2(spec: Json): Source {
  const elements = object(spec.elements)
  const lost: Lost[] = []
  const settings = object(spec.timeSettings)
  for (const link of objects(spec.links)) lost.push({ where: `link “${text(link.title)}”`, why: 'links of a dashboard have no place here' })
  return {
    title: text(spec.title),
    description: text(spec.description),
    from: text(settings.from),
    refresh: text(settings.autoRefresh),
    sections: sectionsOf(object(spec.layout), elements, { title: '', isOpen: true }, lost),
    variables: kinds(spec.variables).map(({ kind, spec: variable }) => readVariable(kind, variable)),
    annotations: kinds(spec.annotations)
      .filter(({ spec: annotation }) => annotation.builtIn !== true)
      .map(({ spec: annotation }) => readAnnotation(annotation)),
    lost,
  }
}

const kinds = (value: unknown): { kind: string; spec: Json }[] => objects(value).map((each) => ({ kind: text(each.kind), spec: object(each.spec) }))

/** What came of the classic form stands in `legacyOptions`. */
function readAnnotation(annotation: Json): SourceAnnotation {
  const query = object(annotation.query)
  const { ids, exclude } = object(annotation.filter)
  const spec = { ...object(annotation.legacyOptions), ...object(query.spec) }
  return { name: text(annotation.name), isShown: annotation.enable !== false, isOnSomePanels: array(ids).length > 0 || exclude === true, source: text(query.group) || text(query.kind), spec }
}

/** Rows and tabs, also within each other, are sections one after the other. */
function sectionsOf(layout: Json, elements: Json, head: Omit<SourceSection, 'items'>, lost: Lost[]): SourceSection[] {
  const spec = object(layout.spec)
  switch (text(layout.kind)) {
    case 'RowsLayout':
      return kinds(spec.rows).flatMap(({ spec: row }) => partSections(row, 'row', text(row.title), elements, head, lost))
    case 'TabsLayout':
      return kinds(spec.tabs).flatMap(({ spec: tab }, place) => partSections(tab, 'tab', text(tab.title) || `Tab ${place + 1}`, elements, head, lost))
    case 'AutoGridLayout':
      return [{ ...head, items: autoItems(spec, elements, lost) }]
    default:
      return gridSections(spec, elements, head, lost)
  }
}

/** Returns the sections of a row or of a tab. */
function partSections(part: Json, what: string, title: string, elements: Json, { title: outer }: Omit<SourceSection, 'items'>, lost: Lost[]): SourceSection[] {
  const name = joined(outer, title)
  const where = `${what} “${name}”`
  if (part.conditionalRendering !== undefined) lost.push({ where, why: 'it is shown under conditions; here it is always there' })
  if (array(part.variables).length > 0) lost.push({ where, why: 'variables of a part of a dashboard have no place here' })
  const sections = sectionsOf(object(part.layout), elements, { title: name, isOpen: part.collapse !== true }, lost)
  const repeat = text(object(part.repeat).value)
  if (repeat !== '' && (sections.length > 1 || sections.some((section) => section.repeat))) lost.push({ where, why: `it is repeated for each value of $${repeat} as a whole; here each of its sections is by itself` })
  return repeat === '' ? sections : sections.map((section) => ({ ...section, repeat: section.repeat || repeat }))
}

const joined = (...titles: string[]) => titles.map(references).filter((each) => each !== '').join(' / ')

/** The first version has rows within grids. */
function gridSections(spec: Json, elements: Json, head: Omit<SourceSection, 'items'>, lost: Lost[]): SourceSection[] {
  const all = kinds(spec.items)
  const own = { ...head, items: gridItems(all.filter(({ kind }) => kind !== 'GridLayoutRow'), elements, lost) }
  const rows = all.filter(({ kind }) => kind === 'GridLayoutRow').map(({ spec: row }) => ({ title: joined(head.title, text(row.title)), isOpen: row.collapsed !== true, repeat: text(object(row.repeat).value), items: gridItems(kinds(row.elements), elements, lost) }))
  return [own, ...rows]
}

function gridItems(items: { spec: Json }[], elements: Json, lost: Lost[]): SourceItem[] {
  return items.flatMap(({ spec: item }) => {
    const panel = panelOf(object(item.element), elements, item, lost)
    return panel === null ? [] : [{ x: number(item.x) ?? 0, y: number(item.y) ?? 0, width: number(item.width) ?? 12, height: number(item.height) ?? 8, panel, repeat: repeatOf(item.repeat) }]
  })
}

function repeatOf(repeat: unknown): SourceRepeat | undefined {
  const { value, direction, maxPerRow } = object(repeat)
  return text(value) === '' ? undefined : { name: text(value), isVertical: direction === 'v', most: number(maxPerRow) }
}

/** Items flow from left to right; what is repeated has lines of its own. */
function autoItems(spec: Json, elements: Json, lost: Lost[]): SourceItem[] {
  const columns = Math.max(1, Math.min(8, number(spec.maxColumnCount) ?? AUTO_COLUMNS))
  const narrow = Math.floor(24 / columns)
  let [x, y] = [0, 0]
  return kinds(spec.items).flatMap(({ spec: item }) => {
    const panel = panelOf(object(item.element), elements, item, lost)
    if (panel === null) return []
    const repeat = repeatOf(item.repeat)
    const width = repeat === undefined ? narrow : 24
    if (x > 0 && x + width > columns * narrow) [x, y] = [0, y + AUTO_HEIGHT]
    const placed = { x, y, width, height: AUTO_HEIGHT, panel, repeat: repeat && { ...repeat, most: columns } }
    x += width
    return [placed]
  })
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
